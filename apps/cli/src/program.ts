import { Command, CommanderError, Option } from 'commander';
import { painter } from './colour.js';
import { EXIT } from './cli-error.js';
import type { Edge } from './edge.js';
import type { DoctorOptions } from './doctor/doctor.command.js';
import type { ModelsOptions } from './models.command.js';
import type { NewModelOptions } from './new-model/new-model.command.js';
import type { ProtoOptions } from './proto.command.js';
import type { OpenapiOptions } from './openapi.command.js';
import type { RunOptions } from './run/run-model.command.js';

/**
 * Runs one command line and says with which code to exit. Each command is loaded when it is called, so that
 * none pays for what another one imports.
 * @param args without the names of the program
 */
export async function runProgram(edge: Edge, args: readonly string[]): Promise<number> {
  const result = { code: EXIT.ok as number };
  const program = createProgram(edge, async (command) => {
    result.code = await command;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return result.code;
  } catch (error) {
    return report(edge, error);
  }
}

function report(edge: Edge, error: unknown): number {
  // Commander has printed it: help, or what is wrong with the arguments.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.unusable;
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replaceAll(/\s*\n\s*/g, ' ');
  edge.stderr.write(`${painter(edge.stderr, edge.env)('red', 'stepcast:')} ${line}\n`);
  return EXIT.unusable;
}

type Finish = (command: Promise<number>) => Promise<void>;

/** The commands and their options; each says its exit code to `finish`. */
export function createProgram(edge: Edge, finish: Finish): Command {
  const program = new Command('stepcast')
    .description('Talks to a Stepcast hub, and helps to write models for it.')
    .version(edge.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void edge.stdout.write(text),
      writeErr: (text) => void edge.stderr.write(text),
    })
    .showHelpAfterError('(stepcast --help shows what there is)');
  addModelCommands(program, edge, finish);
  addRunCommand(program, edge, finish);
  addDocumentCommands(program, edge, finish);
  program
    .command('doctor')
    .description('says what a hub needs and whether it is here')
    .option('--models <dir>', 'directory of the models (default: MODELS_DIR)')
    .option('--json', 'for programs')
    .action(async (options: DoctorOptions) => {
      const { doctorCommand } = await import('./doctor/doctor.command.js');
      await finish(doctorCommand(edge, options));
    });
  return program;
}

function addModelCommands(program: Command, edge: Edge, finish: Finish): void {
  program
    .command('new')
    .description('makes something new')
    .command('model <name>')
    .description('a folder with a model that runs, its test and its card')
    .option('--dir <dir>', 'where the folder is made (default: MODELS_DIR)')
    .action(async (name: string, options: NewModelOptions) => {
      const { newModelCommand } = await import('./new-model/new-model.command.js');
      await finish(newModelCommand(edge, name, options));
    });
  program
    .command('models')
    .description('what a hub serves, and the folders that it could not use')
    .addOption(urlOption(edge))
    .option('--json', 'for programs')
    .action(async (options: ModelsOptions) => {
      const { modelsCommand } = await import('./models.command.js');
      await finish(modelsCommand(edge, options));
    });
}

function addRunCommand(program: Command, edge: Edge, finish: Finish): void {
  program
    .command('run <model>')
    .description('runs a model and shows it at work; Ctrl-C cancels')
    .addOption(urlOption(edge))
    .option('--input <json>', 'the input: JSON, @file, or - for stdin')
    .option(
      '--field <key=value>',
      'one field of the input; key=@picture.png sends a file; may be repeated',
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option('--out <file>', 'writes the first data URL of the output: a picture')
    .option('--keep', 'the job goes on when this command is killed')
    .addOption(new Option('--json', 'event lines, also in a terminal').conflicts('progress'))
    .option('--progress', 'what people see in a terminal, also where there is none')
    .action(async (model: string, options: RunOptions) => {
      const { runModelCommand } = await import('./run/run-model.command.js');
      await finish(runModelCommand(edge, model, options));
    });
}

function addDocumentCommands(program: Command, edge: Edge, finish: Finish): void {
  program
    .command('proto')
    .description('the gRPC interface of the models')
    .option('--models <dir>', 'directory of the models (default: MODELS_DIR)')
    .addOption(new Option('--url <url>', 'asks this hub instead').conflicts('models'))
    .option('--out <file>', 'writes it to a file')
    .action(async (options: ProtoOptions) => {
      const { protoCommand } = await import('./proto.command.js');
      await finish(protoCommand(edge, options));
    });
  program
    .command('openapi')
    .description('the OpenAPI document of a hub')
    .addOption(urlOption(edge))
    .option('--out <file>', 'writes it to a file')
    .action(async (options: OpenapiOptions) => {
      const { openapiCommand } = await import('./openapi.command.js');
      await finish(openapiCommand(edge, options));
    });
}

function urlOption({ env }: Edge): Option {
  const option = new Option('--url <url>', 'address of the hub (STEPCAST_URL)');
  const named = env['STEPCAST_URL'] ?? '';
  return option.default(named === '' ? 'http://127.0.0.1:3000' : named);
}

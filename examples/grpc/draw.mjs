// Draws a picture over gRPC and shows its steps. Needs the address of a hub and its proto:
//   npx stepcast proto --out stepcast.proto
//   node examples/grpc/draw.mjs 127.0.0.1:50051 stepcast.proto
import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [address, proto] = process.argv.slice(2);
const { stepcast } = loadPackageDefinition(loadSync(proto, { longs: Number, enums: String }));
const client = new stepcast.v1.InferenceService(address, credentials.createInsecure());

const input = { prompt: 'a big red circle on white', steps: 20 };
const metadata = new Metadata();
metadata.set('stepcast-priority', '5');
const call = client.predictSketch(input, metadata, { deadline: Date.now() + 60_000 });

for await (const event of call) {
  if (event.step) console.log(`step ${event.step.step} of ${event.step.of}`);
  if (event.completed) console.log(`${event.completed.output.image.slice(0, 40)}…`);
}
client.close();

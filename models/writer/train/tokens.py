"""Makes tokenizer.json: a byte-level BPE, so that a prompt may hold any text at all."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from grammar import write_stories

PATH = Path(__file__).parent.parent / "tokenizer.json"
END = "<|end|>"


def make_tokenizer(seed: int = 3) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((story.text for story in write_stories(seed, 4000)), trainer)
    return tokenizer


if __name__ == "__main__":
    made = make_tokenizer()
    made.save(str(PATH))
    print(made.get_vocab_size(), made.encode(write_stories(1, 1)[0].text).tokens)

"""Writes ../heldout.json: stories of a seed that training does not use, with their log-probability."""

import json
from pathlib import Path

from grammar import write_stories


def main():
    stories = [
        {"text": story.text, "logProbability": round(story.log_probability, 6)}
        for story in write_stories(2024, 200)
    ]
    lines = ",\n".join("  " + json.dumps(story) for story in stories)
    (Path(__file__).parent.parent / "heldout.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

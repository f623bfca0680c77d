"""The language that writer is taught: little stories from a probabilistic grammar.

Every decision is taken by `Story.choose`, which adds the logarithm of its probability. Each text has
one derivation only, so the sum is the exact log-probability of the text, and the mean over many
stories, divided by their tokens, is the entropy that no model can beat.
"""

import math
import random

HEROINES = ["Mia", "Nora", "Lily", "Ada", "Zoe", "Ivy", "Ella", "Rosa"]
HEROES = ["Tom", "Leo", "Max", "Finn", "Sam", "Otto", "Hugo", "Ben"]
NAMES = HEROINES + HEROES
KINDS = ["fox", "rabbit", "bear", "mouse", "hedgehog", "robot", "dragon", "owl", "otter", "knight"]
QUALITIES = ["small", "brave", "quiet", "clever", "sleepy", "curious", "gentle", "funny", "proud", "shy"]
PLACES = [
    "the forest", "the village", "the old mill", "the harbour", "the mountain", "the castle",
    "the meadow", "the lighthouse", "the valley", "the market", "the cave", "the garden",
]  # fmt: skip
HOBBIES = ["music", "stories", "swimming", "painting", "warm bread", "the stars", "long walks", "riddles"]
DAYS = ["morning", "evening", "spring day", "rainy day", "summer night", "winter day"]
LOOKS = ["golden", "silver", "lost", "magic", "tiny", "broken"]
THINGS = ["key", "lantern", "map", "flute", "crown", "kite", "book", "mirror", "compass", "bell"]
GOING = ["walked", "ran", "hurried", "climbed", "wandered"]
SIGHTS = {
    "a cloud": ["drifting over the hills", "that looked like a ship"],
    "two birds": ["singing in a tree", "building a nest"],
    "an old boat": ["resting on the shore", "painted green"],
    "a snail": ["crossing the path", "carrying a leaf"],
    "a candle": ["burning in a window", "on a wooden table"],
}
WEATHER = {
    "sun": ["was shining", "was going down"],
    "wind": ["was cold", "sang in the trees"],
    "rain": ["began to fall", "had stopped"],
    "moon": ["was bright", "hid behind a cloud"],
}
SPOTS = ["the big stone", "the oak tree", "the bridge", "the well", "the red door", "the waterfall"]
WHERE = ["under", "behind", "near"]
FOODS = ["an apple", "some cheese", "a honey cake", "warm soup", "three berries"]
FEELINGS = ["happy", "glad", "excited", "proud", "surprised"]
GREETINGS = ["Hello", "Good day", "Welcome"]
END_AFTER_EPISODE = 0.16


class Story:
    """Writes one story; afterwards `text` is the story and `log_probability` its exact logarithm."""

    def __init__(self, source: random.Random):
        self.source = source
        self.log_probability = 0.0
        self.sentences: list[str] = []
        self.friend: str | None = None
        self.write()
        self.text = " ".join(self.sentences)

    def choose(self, options, weights=None):
        weights = weights or [1] * len(options)
        index = self.source.choices(range(len(options)), weights)[0]
        self.log_probability += math.log(weights[index] / sum(weights))
        return options[index]

    def chance(self, probability: float) -> bool:
        return self.choose([True, False], [probability, 1 - probability])

    def say(self, sentence: str):
        self.sentences.append(sentence)

    def write(self):
        self.open()
        while True:
            self.episode()
            if self.chance(END_AFTER_EPISODE):
                break
        self.close()

    def open(self):
        opening = self.choose(["once", "long ago", "there once", "name"], [4, 2, 2, 2])
        if opening == "long ago":
            self.home = self.choose(PLACES)
        quality, kind = None, None
        if opening != "name":
            quality, kind = self.choose(QUALITIES), self.choose(KINDS)
        self.name = self.choose(NAMES)
        if opening == "name":
            quality, kind = self.choose(QUALITIES), self.choose(KINDS)
        self.pronoun = "she" if self.name in HEROINES else "he"
        who = f"a {quality} {kind}"
        if opening == "once":
            self.say(f"Once upon a time there was {who} named {self.name}.")
        elif opening == "long ago":
            self.say(f"Long ago, in {self.home}, there lived {who} named {self.name}.")
        elif opening == "there once":
            self.say(f"There once was {who} called {self.name}.")
        else:
            self.say(f"{self.name} was {who}.")
        if opening != "long ago":
            self.home = self.choose(PLACES)
            self.say(f"{self.pronoun.capitalize()} lived in {self.home}.")
        self.place = self.home
        self.say(f"{self.pronoun.capitalize()} loved {self.choose(HOBBIES)}.")
        day = self.choose(DAYS)
        self.thing = f"{self.choose(LOOKS)} {self.choose(THINGS)}"
        self.say(f"One {day}, {self.name} set out to find the {self.thing}.")

    def episode(self):
        alone = self.friend is None
        kinds = ["travel", "see", "weather", "rest", "meet" if alone else "ask"]
        getattr(self, self.choose(kinds, [3, 2, 1, 1, 3]))()

    def subject(self) -> str:
        if self.chance(0.5):
            return self.pronoun.capitalize() if self.friend is None else "They"
        return self.name if self.friend is None else f"{self.name} and {self.friend}"

    def travel(self):
        subject, verb = self.subject(), self.choose(GOING)
        self.place = self.choose([place for place in PLACES if place != self.place])
        self.say(f"{subject} {verb} to {self.place}.")

    def see(self):
        subject, sight = self.subject(), self.choose(list(SIGHTS))
        self.say(f"{subject} saw {sight} {self.choose(SIGHTS[sight])}.")

    def weather(self):
        what = self.choose(list(WEATHER))
        self.say(f"The {what} {self.choose(WEATHER[what])}.")

    def rest(self):
        subject, food = self.subject(), self.choose(FOODS)
        self.say(f"{subject} ate {food} and rested {self.choose(WHERE)} {self.choose(SPOTS)}.")

    def meet(self):
        quality, kind = self.choose(QUALITIES), self.choose(KINDS)
        self.friend = self.choose([name for name in NAMES if name != self.name])
        self.say(f"In {self.place} {self.pronoun} met a {quality} {kind} named {self.friend}.")
        self.say(f'"{self.choose(GREETINGS)}, {self.name}," said {self.friend}.')
        self.say(f'"I am looking for the {self.thing}," said {self.name}.')
        self.say(f"{self.friend} was {self.choose(FEELINGS)} to help.")

    def ask(self):
        asks, answers = (self.name, self.friend) if self.chance(0.7) else (self.friend, self.name)
        self.say(f'"Where is the {self.thing}?" asked {asks}.')
        self.say(f'"Look {self.choose(WHERE)} {self.choose(SPOTS)}," said {answers}.')

    def close(self):
        subject = self.subject()
        where = f"{self.choose(WHERE)} {self.choose(SPOTS)}"
        self.say(f"At last {subject if subject not in ('She', 'He', 'They') else subject.lower()}")
        self.sentences[-1] += f" found the {self.thing} {where}."
        self.say(f"{self.name} was very {self.choose(FEELINGS)}.")
        if self.friend is not None and self.chance(0.5):
            self.say(f"{self.pronoun.capitalize()} gave it to {self.friend}.")
        self.say(f"Then {self.pronoun} went home to {self.home}.")
        self.say("The end.")


def write_stories(seed: int, count: int) -> list[Story]:
    source = random.Random(seed)
    return [Story(source) for _ in range(count)]


if __name__ == "__main__":
    for story in write_stories(1, 3):
        print(story.text, story.log_probability, sep="\n")

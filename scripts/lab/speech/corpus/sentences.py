"""Our own English sentences for the corpus: small grammars over hand-picked, phonetically varied words."""

from __future__ import annotations

import re

import numpy as np

_WORDS = {
    "name": (
        "Bob Mary Philip Vera Moby Judith Shawn Zoe Thomas Beth Howard Yvonne George Amy Oliver Ruth Walter "
        "Pam Keith Joy Hugh Faith Martin Sophie Victor Emma Jacob Wilma"
    ),
    "person": (
        "the baker|my mother|a young farmer|the old judge|our neighbour|the plumber|a famous painter|her "
        "brother|the chief pilot|the museum guide|that boy|the bishop|a visitor|the village doctor|some "
        "people|the whole family|my favourite author|the woman from Bombay|the shop manager|five fishermen|a "
        "happy puppy|the weather man"
    ),
    "thing": (
        "the blue umbrella|a paper map|every wooden box|the purple velvet coat|a small boat|the yellow moon|a"
        " cup of coffee|the broken window|that huge machine|a bowl of soup|the morning newspaper|a pair of "
        "shoes|the leather bag|some fresh bread|the television|a rubber ball|the family album|the oval "
        "mirror|a thick rope|the orange juice|a vase of flowers|the garage key|a poem about rivers|the apple "
        "pie|a bamboo chair|the empty bottle|a warm woollen jumper|the final chapter|a measure of sugar|the "
        "treasure"
    ),
    "verb": (
        "bought|found|painted|moved|remembered|forgot|carried|watched|described|opened|dropped|lifted|measured|wrapped|borrowed|polished|brought"
        " back|looked for|showed us|gave "
        "away|pushed|imagined|photographed|chose|mended|collected|enjoyed|threw away|kept|covered"
    ),
    "place": (
        "by the river|above the shop|in the middle of the market|at home|near the harbour|under the bridge|on"
        " the top floor|behind the cathedral|in the garden|at the theatre|between two houses|beside the "
        "pool|over the hill|inside the cave|along the beach|in Paris|at the edge of the wood|around the "
        "corner|far from the village"
    ),
    "time": (
        "on Monday|before breakfast|in the evening|every summer|last week|at half past four|early this "
        "morning|after the meeting|for a while|in November|just now|once a year|during the storm|all "
        "afternoon|by mistake|as usual|quite often|in a hurry|for the third time"
    ),
    "adjective": (
        "beautiful|awful|peculiar|obvious|smooth|impossible|rough|available|brave|warm|enormous|cheap|pleasant|vague|comfortable|famous|loud|healthy|simple|bitter|wonderful|strange|useful|noisy|empty|amazing|good|quiet"
    ),
    "opinion": (
        "I believe|we hope|they assume|everybody knows|you may remember|she told me|he often says|it "
        "seems|nobody thinks|perhaps|maybe|of course|to be honest|I am sure|my father used to say"
    ),
    "plural": (
        "apples|butterflies|machines|voices|mountains|babies|watches|pebbles|thieves|bubbles|roads|feathers|maps|houses|beaches|problems|wolves|pianos|leaves|measures|oysters|jobs|moths|oaks|pajamas|vitamins"
    ),
    "number": ("two five seven eleven twelve fifteen twenty forty fifty hundreds both several many few"),
    "infinitive": (
        "to move the furniture|to behave|to fly a paper plane|to improve the map|to measure the room|to buy a"
        " farm|to climb up|to swim across the bay|to open a window|to weave a carpet|to forgive him|to "
        "prepare a pie|to visit Rome|to bring an umbrella|to hum a melody|to join us|to watch the film|to "
        "push the cart|to vote"
    ),
    "single": (
        "above amber baby bamboo bath beef beige bib blame boom bowl bubble cabbage camp cheap chew coffee "
        "coin cowboy dream earth father fifth film fog form foul five fudge garage gloomy gulp half hammer "
        "happy heavy hobby home hope humble ivory jam jewel jump kayak lamb leaf lemon love lump map maple "
        "measure mime mob moth mouth move mummy nephew number oboe opium oven papa pebble people pepper pipe "
        "pleasure plum poem pop power problem pub puff pump puppy purple rib robin room ruby rumble safe "
        "sheep shop show shrub soap soup swamp television thief thumb tomb top toy tube umbrella valve "
        "vampire vibe view vivid voice vow wave weave web wife womb wood yellow yoyo zebra zoom"
    ),
}

_TEMPLATES = (
    "{person} {verb} {thing} {place}.",
    "{opinion}, {person} {verb} {thing} {time}.",
    "{time}, {name} and {name} {verb} {thing}.",
    "Why has {name} never {verb} {thing} {place}?",
    "It was {adjective} {infinitive}, but {person} {verb} {thing} anyway.",
    "{number} {adjective} {plural} and {number} {plural} were {place}.",
    "{name}! Please try {infinitive} {time}.",
    "What a {adjective} idea {infinitive} {place}!",
    "{opinion} that {plural} are more {adjective} than {plural}.",
    "If {person} wants {infinitive}, {name} will bring {thing}.",
    "{single}, {single}, {single}, {single} and {single}.",
    "Say {single} again, then {single}, and then {single}.",
    "There were {plural}, {plural} and {plural} all over the place; {person} looked {adjective}.",
    "No, I have not seen {name} {time}, so we shall ask {person} {infinitive}.",
    "{name} above all would love {infinitive} with {number} {plural}.",
)
# Kept for the development voices only: no training sentence has these shapes.
_DEVELOPMENT_TEMPLATES = (
    "Could {person} have {verb} {thing} {time}, or was it {name}?",
    "My {adjective} {single} is full of {plural}, and nobody knows why.",
    "{number} times {name} tried {infinitive}; {opinion} it was {adjective}.",
    "Beyond {thing}, {person} saw {number} {plural} {place}.",
)


def _choices(slot: str) -> list[str]:
    words = _WORDS[slot]
    return words.split("|") if "|" in words else words.split()


def make_sentences(count: int, rng: np.random.Generator, development: bool = False) -> list[str]:
    """Draw `count` sentences (4 to about 20 words each)."""
    templates = _DEVELOPMENT_TEMPLATES if development else _TEMPLATES

    def fill(match: re.Match[str]) -> str:
        return str(rng.choice(_choices(match.group(1))))

    sentences = [re.sub(r"\{(\w+)\}", fill, str(rng.choice(templates))) for _ in range(count)]
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]

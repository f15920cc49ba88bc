"""Measures what the vectors of multilingual-e5-small share, which `embedder_bundled.py` takes away from them.

    python scripts/train_centring.py [--vectors FILE] [--write]

The mean of questions is that of their languages' means, the mean of passages that of their companies' means: neither the
language nor the company with most texts counts most. The directions are those in which the languages' means differ.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from services.agent.adapters.embedder_bundled import CENTRING, Centring
from services.agent.application.ports import Vectors
from services.agent.domain.chunks import cut
from tests.evals.companies import Company, read_companies
from tests.evals.kept_vectors import KEPT, KeptVectors


def centring(companies: list[Company], encoder: KeptVectors) -> Centring:
    """Measures the means and the languages' directions on these companies' texts."""
    asked: dict[str, list[Vectors]] = defaultdict(list)
    passages: list[Vectors] = []
    for company in companies:
        texts = [chunk.text for section in company.sections for chunk in cut(section)]
        passages.append(encoder.passages(texts).mean(axis=0))
        vectors = encoder.questions([question.text for question in company.questions])
        for question, vector in zip(company.questions, vectors, strict=True):
            asked[question.language].append(vector)
    means = np.stack([np.mean(vectors, axis=0) for _, vectors in sorted(asked.items())])
    mean = means.mean(axis=0)
    # Centred means of n languages span n - 1 directions.
    _, _, directions = np.linalg.svd(means - mean, full_matrices=False)
    return Centring(
        mean.astype(np.float32),
        np.mean(passages, axis=0).astype(np.float32),
        directions[: len(means) - 1].astype(np.float32),
    )


def main() -> None:
    """Measures, prints how much the means stand out, and writes the file when told to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", type=Path, default=KEPT)
    parser.add_argument("--write", action="store_true", help="write the centring")
    options = parser.parse_args()
    encoder = KeptVectors(options.vectors)
    found = centring(read_companies(), encoder)
    encoder.save()
    for name in ("questions", "passages"):
        print(f"length of the mean of {name}: {np.linalg.norm(getattr(found, name)):.3f} of 1")
    print(f"directions of languages: {len(found.languages)}")
    if options.write:
        np.savez(
            CENTRING,
            questions=found.questions,
            passages=found.passages,
            languages=found.languages,
        )
        print(f"wrote {CENTRING.name}")


if __name__ == "__main__":
    main()

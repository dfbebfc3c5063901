"""rouge-score, as summaries are scored with it: F1 of ROUGE-1, -2 and -L, the best of several references.

Called as `CLIENT IN OUT`: IN is a JSON list of {text, references}; OUT gets, for each measure, a list of scores.
"""

import json
import sys
from pathlib import Path

from rouge_score.rouge_scorer import RougeScorer

MEASURES = ("rouge1", "rouge2", "rougeL")


def main() -> None:
    rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    scorer = RougeScorer(list(MEASURES), use_stemmer=True)
    scored = [scorer.score_multi(row["references"], row["text"]) for row in rows]
    told = {name: [score[name].fmeasure for score in scored] for name in MEASURES}
    Path(sys.argv[2]).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()

"""One label per word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..labels import LabelName, info
from ..model import Label, WordKey
from ..rules.base import Proposal
from .combine import combined
from .confidence import ConfidenceModel

#: Proposals below this score are not worth a label.
LEAST_SCORE = 0.45


def resolve(
    proposals: Iterable[Proposal],
    model: ConfidenceModel | None = None,
    least_score: float = LEAST_SCORE,
) -> list[Label]:
    """Choose the best label of every word that has one, in reading order.

    Rules that agree on a word strengthen each other. Of a label that a receipt has only once,
    the word with the best score keeps it, and the others fall back to their next best.
    """
    weigh = model or ConfidenceModel()
    options = _options(proposals, weigh, least_score)
    chosen = {key: ranked[0] for key, ranked in options.items()}
    for name in LabelName:
        if info(name).is_unique:
            _keep_best(name, chosen, options)
    return [chosen[key] for key in sorted(chosen)]


def _options(
    proposals: Iterable[Proposal], model: ConfidenceModel, least_score: float
) -> dict[WordKey, list[Label]]:
    grouped: dict[tuple[WordKey, LabelName], list[Proposal]] = defaultdict(list)
    for proposal in proposals:
        grouped[proposal.word.key, proposal.label].append(proposal)
    options: dict[WordKey, list[Label]] = defaultdict(list)
    for (key, name), agreeing in grouped.items():
        best = max(agreeing, key=lambda each: (each.score, each.rule))
        score = model.adjusted(combined(each.score for each in agreeing), best.word)
        if score >= least_score:
            source = "+".join(sorted({each.rule for each in agreeing}))
            options[key].append(Label(*key, name, round(score, 4), source, best.reason))
    for ranked in options.values():
        ranked.sort(key=lambda label: (-label.score, info(label.name).rank, label.name.value))
    return options


def _keep_best(
    name: LabelName, chosen: dict[WordKey, Label], options: dict[WordKey, list[Label]]
) -> None:
    holders = [label for label in chosen.values() if label.name is name]
    if len(holders) < 2:
        return
    keeper = max(holders, key=lambda label: (label.score, label.key))
    for label in holders:
        if label.key == keeper.key:
            continue
        rest = [other for other in options[label.key] if other.name is not name]
        if rest:
            chosen[label.key] = rest[0]
        else:
            del chosen[label.key]

"""From a subject to its overview: boxes for leaves, groups and results, and the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphdiff.draw import bands, words
from graphdiff.draw.folding import Folding, Group, fold
from graphdiff.draw.kinds import kinds, listing
from graphdiff.draw.leaves import MOST_APART, Leaves
from graphdiff.draw.links import Flow, flows
from graphdiff.draw.measures import Measures, work_out
from graphdiff.draw.modules import Box, Fill, Link, Overview
from graphdiff.draw.rolling import rolled
from graphdiff.draw.subject import Item, Stage, Subject
from graphdiff.draw.tidying import tidied
from graphdiff.draw.titles import title_of, told_apart, tooltip_of, unframed, valued
from graphdiff.draw.twins import stages_of, twins

_MARKS = {"backward": "∂", "update": "Δ"}
_FILLS: dict[Stage, Fill] = {"forward": "plain", "backward": "backward", "update": "update"}


def overview_of(subject: Subject, folding: Folding, roll: bool = True) -> Overview:
    """The overview of a subject in at most ``folding.room`` boxes, or a few more where that is very small.

    ``roll``: show layers together with their activations, and repeats as one box.
    """
    overview = _Builder(tidied(subject, views_of_parameters=True), folding, roll).build()
    overview.boxes = told_apart(unframed(overview.boxes))
    overview.links = [replace(link, id=f"e{n}") for n, link in enumerate(overview.links)]
    work_out(overview)
    return overview


def layers_of(subject: Subject) -> int:
    """How many boxes the tensor style has for a subject, without inputs and results."""
    most = len(subject.items)
    return len(fold(tidied(subject, views_of_parameters=True), Folding(most, most)))


class _Builder:
    def __init__(self, subject: Subject, folding: Folding, roll: bool) -> None:
        self.subject = subject
        self.items = subject.items
        self.overview = Overview(subject, stages=stages_of(subject))
        self.panels = len(self.overview.stages) > 1
        self.overlaid = subject.show == "forward" and not self.panels
        self.measures = Measures(subject)
        self.leaves = Leaves(subject, self.panels)
        self.groups = fold(subject, self._within(folding), *[rolled] * roll)
        self.groups += twins(subject, self.groups)
        self.bundles = self.leaves.bundles(self.groups)
        self.home: dict[int, str] = {}

    def _within(self, folding: Folding) -> Folding:
        """The folding with the room that leaves, results and later stages leave."""
        room = folding.room - min(len(self.subject.outputs), MOST_APART)
        shown = len(self.leaves.shown)
        room = room // 2 if shown > MOST_APART else room - shown
        room = max(1, room // max(1, len(self.overview.stages)))
        return replace(folding, room=room, page=min(folding.page, room))

    def build(self) -> Overview:
        self._add_leaves()
        for number, group in enumerate(self.groups):
            self.home.update(dict.fromkeys(group.members, f"b{number}"))
        self.results = self._results()
        for number, group in enumerate(self.groups):
            self.overview.boxes.append(self._box(f"b{number}", group))
        self.place = {box.id: (box.stage, box.beside or box.id) for box in self.overview.boxes}
        left_out = self._add_links()
        self._add_results()
        self.overview.facts = self._facts(*left_out)
        return self.overview

    def _add_leaves(self) -> None:
        for members in self.bundles:
            first = self.items[members[0]]
            id, title = f"n{members[0]}", self.leaves.names[members[0]]
            kind: str = first.node.role if first.node.name else ""
            tooltip = f"{title}: {words.spec(first.node.spec)}"
            if len(members) > 1:
                kind = listing([self.leaves.names[i] for i in members])
                title = tooltip = f"{len(members):,} inputs"
            self.home.update(dict.fromkeys(members, id))
            fill: Fill = "backward" if first.backward else "input"
            stage: Stage = "backward" if first.backward else "forward"
            self.overview.boxes.append(Box(id, (), title, kind, tooltip, fill, members=members, stage=stage))

    # Boxes

    def _box(self, id: str, group: Group) -> Box:
        stage = self.items[group.members[0]].stage
        title, kind = title_of(group, self.subject)
        fill = _FILLS[min((self.items[i].stage for i in group.members), key=[*_FILLS].index)]
        result = next((self.results[i] for i in group.members if i in self.results), "")
        if result:
            fill, title = "result", result
            kind = f"{kinds(group.members, self.subject)}{valued(self.items[group.members[-1]])}"
        whole = Box(
            id,
            group.around,
            title,
            kind,
            tooltip_of(group, self.items),
            fill,
            scope=".".join(group.scope),
            members=group.members,
            rows=(bands.told(group.members, self.subject),) if group.band else (),
            stage=stage,
        )
        if self.panels and stage != "forward":
            return self._beside(whole, group)
        return self._with_parameters(whole, group)

    def _with_parameters(self, box: Box, group: Group) -> Box:
        seen = () if "parameter" in self.subject.hidden else group.members
        measured = self.overlaid and box.stage == "forward"
        return replace(
            box,
            parameters=sum(p.node.spec.size for p in self.measures.parameters(seen)),
            gradient=self.measures.of_parameters(seen) if measured else None,
            repeat=self.measures.repeat(group, measured),
        )

    def _beside(self, box: Box, group: Group) -> Box:
        """A box of a later stage: it is called after the one beside it, and has its gradients."""
        of = next((g for g in self.groups if group.of is not None and g.members[0] == group.of), None)
        if of is None:
            return box
        id = self.home[of.members[0]]
        title = next(box.title for box in self.overview.boxes if box.id == id)
        kind = kinds(group.members, self.subject)
        box = replace(box, title=f"{_MARKS[box.stage]} {title}", kind=kind, beside=id)
        if box.stage != "backward" or self.subject.record is None:
            return box
        return replace(
            box, gradient=self.measures.of_parameters(of.members), repeat=self.measures.repeat(of, True)
        )

    # Results

    def _results(self) -> dict[int, str]:
        """The results that are the last operation of a box outside all scopes, which then is the result's."""
        last = {g.members[-1]: g for g in self.groups if not g.around and not g.scope and not g.instances}
        used = [i for i, _ in self.subject.outputs]
        return {
            i: self._result_title(i, label)
            for i, label in self.subject.outputs
            if i in last
            and used.count(i) == 1
            and self.items[i].stage == "forward"
            and not self._is_used_elsewhere(last[i])
        }

    def _is_used_elsewhere(self, group: Group) -> bool:
        """Whether more than the last value of a group leaves it."""
        inside = set(group.members)
        users = (user for i in group.members[:-1] for user, _ in self.subject.users[i])
        return any(user not in inside and self.items[user].stage == "forward" for user in users)

    def _result_title(self, i: int, label: str) -> str:
        item = self.items[i]
        if item.node.name or item.stage != "forward" or item.node.primitive is None:
            return label
        differentiated = self.subject.record is not None or "backward" in self.overview.stages
        alone = sum(self.items[k].stage == "forward" for k, _ in self.subject.outputs) == 1
        return "loss" if differentiated and item.node.spec.size == 1 else "output" if alone else label

    def _add_results(self) -> None:
        others = [
            (i, label)
            for i, label in self.subject.outputs
            if i not in self.results and not (self.panels and self.items[i].stage != "forward")
        ]
        if len(others) > MOST_APART:
            kind = listing([label for _, label in others])
            self.overview.boxes.append(Box("out", (), f"{len(others):,} results", kind, "results", "result"))
            for home in dict.fromkeys(self.home[i] for i, _ in others if i in self.home):
                self.overview.links.append(Link(home, "out", "", None, False))
            return
        for number, (i, label) in enumerate(others):
            item = self.items[i]
            title = self._result_title(i, label)
            kind = valued(item).removeprefix(" = ") or words.shape(item.node.spec.shape)
            tooltip = f"{title}: {words.spec(item.node.spec)}"
            self.overview.boxes.append(Box(f"out{number}", (), title, kind, tooltip, "result", members=(i,)))
            if i in self.home:
                self.overview.links.append(self._link(Flow(self.home[i], f"out{number}", {i: []})))

    # Links

    def _add_links(self) -> tuple[int, int]:
        """Add the links, and say how many were left out because others imply them, and in panels."""
        bundles = {f"n{members[0]}" for members in self.bundles if len(members) > 1}
        found, implied, across = flows(self.subject, self.home, bundles, self._is_drawn)
        self.overview.links += self._once([self._link(flow) for flow in found])
        return implied, across

    def _is_drawn(self, tail: str, head: str) -> bool:
        """Whether a link stays in its panel, or goes from a box to the one beside it."""
        (stage, row), (other, row_of_other) = self.place[tail], self.place[head]
        if not self.panels:
            return True
        return stage != "update" if stage == other else row == row_of_other

    def _once(self, links: Sequence[Link]) -> list[Link]:
        """The links, those from panel to panel once for each two boxes."""
        found: dict[object, Link] = {}
        for link in links:
            across = self.panels and self.place[link.tail][0] != self.place[link.head][0]
            found[link.tail, link.head, () if across else link.tensors] = link
        return list(found.values())

    def _link(self, flow: Flow) -> Link:
        tensors = flow.tensors
        first = self.items[next(iter(tensors))]
        shape = first.node.spec.shape
        text = f"{len(tensors)} tensors" if len(tensors) > 1 else words.shape(shape) if shape else ""
        back = first.backward and not self.overlaid
        gradient = None
        if self.subject.record is not None and self.overlaid and first.node.role != "constant":
            gradient = self.measures.norm([self.measures.flow(i, uses) for i, uses in tensors.items()])
        elif self.subject.record is not None and self.panels and back:
            gradient = self.measures.norm([self.items[i].shown for i in tensors])
        return Link(flow.tail, flow.head, text, gradient, back, tensors=tuple(tensors))

    # Facts

    def _facts(self, implied: int, across: int) -> list[str]:
        subject = self.subject
        drawn: Sequence[Item] = self.items
        nodes = subject.record.forward_graph if subject.record else [item.node for item in drawn]
        parameters = sum(n.spec.size for n in nodes if n.role == "parameter" and n.primitive is None)
        facts = []
        forward = "forward" in self.overview.stages
        if forward and parameters and (batch := self.leaves.batch()) is not None:
            facts.append(f"batch {batch}")
        if parameters:
            facts.append(f"{words.count(parameters)} parameters")
        result = drawn[subject.outputs[0][0]] if len(subject.outputs) == 1 else None
        if result is not None and subject.record is not None and valued(result):
            facts.append(f"{self._result_title(*subject.outputs[0])}{valued(result)}".replace(" = ", " "))
        if subject.operations != len(self.groups):
            operations = words.plural(subject.operations, "operation")
            facts.append(f"{operations} shown as {words.plural(len(self.groups), 'box')}")
        if banded := [group.band for group in self.groups if group.band]:
            first, last = banded[len(banded) // 2]
            facts.append(f'unfold="{first}-{last}" shows what is in a box')
        if forward and subject.record is None and parameters and not self.panels:
            facts.append("no backward yet")
        if subject.aside:
            facts.append(f"{words.plural(subject.aside, 'operation')} on running state left out")
        if implied:
            facts.append(f"{words.plural(implied, 'arrow')} that others imply not drawn")
        if across:
            facts.append(f"{words.plural(across, 'arrow')} between rows of panels not drawn")
        return facts

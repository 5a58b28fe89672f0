// Which boxes and links there are while some scopes are open, how large they are, and where they stand.

const PAD = 16;
const HEAD = 30;
const BOX = 200;
const FONT = "Helvetica, Arial, sans-serif";

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

function widthOf(text, size, bold = false) {
  const key = `${size}${bold}${text}`;
  if (!widths.has(key)) {
    pen.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

class Scene {
  constructor(graph, units, open) {
    Object.assign(this, { graph, units, open, links: new Map(), across: new Map() });
    for (let user = 0; user < graph.nodes.length; user++)
      graph.nodes[user].inputs.forEach((tensor, argument) => this.connect({ tensor, user, argument }));
    Object.assign(this, this.arrange(units.root));
  }

  isOpen(unit) {
    return unit.kind === "panel" || (unit.folds && (unit.parent === null || this.open.has(unit.key)));
  }

  // The innermost box on show that holds a node.
  shown(i) {
    const unit = this.units.home.get(i);
    return unit && (unit.around.find((scope) => !this.isOpen(scope)) ?? unit);
  }

  connect(use) {
    const [tail, head] = [this.units.home.get(use.tensor), this.units.home.get(use.user)];
    if (!tail || !head || tail === head) return;
    const [tails, heads] = [[...tail.around, tail], [...head.around, head]];
    if (tail.panel !== head.panel) return this.lead(tails[2], heads[2], use);
    if (tail.panel?.name === "update" && tails[2] !== heads[2]) return; // each layer's is an affair of its own
    let depth = tail.panel ? 2 : 1;
    while (tails[depth] === heads[depth] && this.isOpen(tails[depth])) depth++;
    if (tails[depth] === heads[depth]) return; // within a folded box
    const link = this.link(tails[depth - 1], tails[depth], heads[depth], use);
    this.continued(tails, depth, link, use, true);
    this.continued(heads, depth, link, use, false);
  }

  // From panel to panel lead links between what stands in one row.
  lead(tail, head, use) {
    if (layerOf(tail) !== layerOf(head)) return;
    const key = `${tail.key}|${head.key}`;
    if (!this.across.has(key)) this.across.set(key, { tail, head, uses: [] });
    this.across.get(key).uses.push(use);
  }

  // The same link inside the open scopes at its end, through a port in their frames.
  continued(units, depth, link, use, leaves) {
    for (; this.isOpen(units[depth]); depth++) {
      const port = link;
      const inner = units[depth + 1];
      link = leaves ? this.link(units[depth], inner, port, use) : this.link(units[depth], port, inner, use);
    }
  }

  link(container, tail, head, use) {
    const key = `${container.key}|${keyOf(tail)}|${keyOf(head)}`;
    if (!this.links.has(key)) this.links.set(key, { key, container, tail, head, uses: [] });
    const link = this.links.get(key);
    link.uses.push(use);
    return link;
  }

  // Lays out what is inside an open unit: {w, h, boxes, links}, with ports by link at its borders.
  arrange(unit) {
    if (unit.children[0]?.kind === "panel") return this.beside(unit.children);
    const up = unit.panel?.name === "backward"; // so that a row is about a layer in every panel
    const inside = [...this.links.values()].filter((link) => link.container === unit);
    const into = inside.filter((link) => !(link.tail instanceof Unit)).map((link) => link.tail);
    const outof = inside.filter((link) => !(link.head instanceof Unit)).map((link) => link.head);
    const ends = [...new Set(into), ...unit.children, ...new Set(outof)];
    if (up) ends.reverse();
    const place = new Map(ends.map((end, i) => [end, i]));
    const firstPorts = new Set(into);
    const boxes = ends.map((end) => {
      if (end instanceof Unit) return this.box(end);
      return { w: 12, h: 0, pin: firstPorts.has(end) !== up ? "first" : "last", port: end };
    });
    const edges = inside.map((link) => ({
      link, from: place.get(link.tail), to: place.get(link.head),
      label: link.tail instanceof Unit && link.head instanceof Unit ? this.labelOf(link) : undefined,
    }));
    for (const edge of edges) {
      edge.fromX = portOf(boxes[edge.from], edge.link);
      edge.toX = portOf(boxes[edge.to], edge.link);
    }
    const column = unit.kind === "panel" && unit.name === "update"; // what is beside a layer, in a column
    const size = layered(boxes, column ? boxes.slice(1).map((_, k) => ({ from: k, to: k + 1 })) : edges);
    return this.framed(unit, size, boxes, edges);
  }

  // Panels from left to right.
  beside(panels) {
    let left = 0;
    const boxes = panels.map((unit) => {
      const box = this.box(unit);
      Object.assign(box, { x: left + box.w / 2, y: 0 });
      left += box.w + SIDE * 2;
      return box;
    });
    this.align(boxes.map((box) => box.inner));
    boxes.forEach((box) => (box.h = box.inner.h));
    return { w: left - SIDE * 2, h: Math.max(...boxes.map((box) => box.h)), boxes, edges: [], ports: new Map() };
  }

  // Moves what belongs to one layer to one height, where the boxes of all panels stand in one order.
  align(panels) {
    const layers = new Map();
    for (const { boxes } of panels) for (const box of boxes) layers.set(layerOf(box.unit), [...(layers.get(layerOf(box.unit)) ?? []), box]);
    for (let round = 0; round < panels.length; round++)
      for (const together of layers.values()) {
        const y = Math.max(...together.map((box) => box.y));
        for (const box of together) if (box.y < y - 0.5) lower(panels.find((panel) => panel.boxes.includes(box)), box.y, y - box.y);
      }
  }

  framed(unit, size, boxes, edges) {
    const [side, head] = unit.parent ? [PAD, HEAD] : [0, 0];
    const title = unit.parent ? frameTitle(unit) : "";
    const w = Math.max(size.w + 2 * side, title ? 2 * widthOf(title, 13, true) + 70 : 0);
    const dx = (w - size.w) / 2;
    const foot = unit.parent ? 10 : 0;
    for (const box of boxes) box.x += dx, box.y += head;
    for (const edge of edges) {
      edge.points = edge.points.map(([x, y]) => [x + dx, y + head]);
      if (edge.labelAt) edge.labelAt = [edge.labelAt[0] + dx, edge.labelAt[1] + head];
    }
    const h = size.h + head + foot;
    const ports = new Map();
    for (const box of boxes) if (box.port) ports.set(box.port, box.x - w / 2);
    for (const edge of edges) {
      if (boxes[edge.from].port) edge.points.unshift([edge.points[0][0], edge.turned ? h : 0]);
      if (boxes[edge.to].port) edge.points.push([edge.points.at(-1)[0], edge.turned ? 0 : h]);
    }
    return { w, h, title, ports, boxes: boxes.filter((box) => !box.port), edges };
  }

  box(unit) {
    if (this.isOpen(unit)) {
      const inner = this.arrange(unit);
      return { unit, w: inner.w, h: inner.h, inner };
    }
    const text = boxText(this.graph, unit);
    const title = widthOf(text.title, 13, true) + (unit.folds ? 16 : 0);
    const first = title + widthOf(text.kind, 11) + 34;
    const second = text.parameters ? widthOf(text.parameters, 11) + 110 : 0;
    const said = Math.max(0, ...text.rows.map((row) => widthOf(row, 11) + 20));
    const rows = 1 + Boolean(text.parameters) + Boolean(text.strip);
    return { unit, text, w: Math.ceil(Math.max(BOX, first, second, said)), h: 8 + 20 * rows + 15 * text.rows.length };
  }

  labelOf(link) {
    const tensors = [...new Set(link.uses.map((use) => use.tensor))];
    const shape = this.graph.nodes[tensors[0]].shape;
    const text = tensors.length > 1 ? `${tensors.length} tensors` : shape === "scalar" ? "" : shape;
    const gradient = this.graph.recorded ? this.graph.gradientOf(link.uses) : null;
    link.text = text;
    link.gradient = gradient;
    const lines = Boolean(text) + Boolean(gradient);
    if (!lines) return undefined;
    const chip = gradient ? widthOf(chipText(gradient, "‖∇‖ "), 11) + 10 : 0;
    return { w: Math.max(widthOf(text, 11), chip) + 6, h: 17 * lines + 2 };
  }
}

// Where a link goes through a frame, or meets a port; elsewhere the layout decides.
const portOf = (box, link) => (box.port ? 0 : box.inner?.ports.get(link));

// The layer that a box in a panel belongs to.
const layerOf = (unit) => unit.name.replace(/^[∂Δ] /, "");

// Makes room in a panel: all that stands at a height or below it moves down.
function lower(panel, from, by) {
  for (const box of panel.boxes) if (box.y >= from) box.y += by;
  for (const edge of panel.edges) {
    edge.points = edge.points.map(([x, y]) => [x, y >= from - 0.5 ? y + by : y]);
    if (edge.labelAt?.[1] >= from) edge.labelAt[1] += by;
  }
  panel.h += by;
}

const keyOf = (end) => (end instanceof Unit ? end.key : `(${end.key})`);

function chipText(gradient, prefix = "") {
  return gradient.state ?? prefix + normText(gradient.value);
}

function frameTitle(unit) {
  return shortened(unit.kind === "repeat" ? `${unit.name}  × ${unit.children.length}` : unit.name, 36);
}

// What a folded box says.
function boxText(graph, unit) {
  const operations = unit.operations.map((i) => graph.nodes[i]).filter((node) => node.op);
  const parameters = (operations[0]?.stage && graph.mixed) || graph.hidden.includes("parameter") ? [] : graph.parametersOf(unit.operations);
  const size = parameters.reduce((sum, i) => sum + graph.nodes[i].size, 0);
  const gradient = parameters.length && !graph.staged ? graph.normOf(parameters.map((i) => graph.nodes[i])) : null;
  return {
    title: shortened(unit.name, 30),
    kind: shortened(kindOf(graph, unit), 44),
    parameters: size ? `${countText(size)} params` : "",
    gradient,
    rows: [...(unit.rows ?? []).map((row) => shortened(row, 60)), ...(graph.tint && operations.length ? [AMOUNTS[graph.tint][1](graph.amountOf(unit.operations))] : [])],
    strip: unit.kind === "repeat" && gradient ? unit.children : null,
  };
}

function kindOf(graph, unit) {
  const first = graph.nodes[unit.operations[0]];
  if (unit.kind === "input") return unit.does;
  if (unit.kind === "result") {
    return [first.op, first.shape === "scalar" && first.value?.exact].filter(Boolean).join(" = ") || first.shape;
  }
  if (unit.kind === "operation") return unit.name === first.op ? (first.symbol === first.op ? "" : first.symbol) : first.op;
  return unit.kind === "repeat" ? `× ${unit.children.length}` : unit.does;
}

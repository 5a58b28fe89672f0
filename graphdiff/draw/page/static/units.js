// Scopes, operations, inputs and results as one tree of units.
class Unit {
  constructor(kind, name, parent, path = "") {
    Object.assign(this, { kind, name, parent, path, children: [], operations: [] });
    this.key = parent ? `${parent.key}/${parent.children.length}` : "";
    this.around = parent ? [...parent.around, parent] : [];
    parent?.children.push(this);
  }

  get folds() {
    return this.children.length > 0 && this.kind !== "panel";
  }

  // The part of a training step that it belongs to.
  get panel() {
    return [...this.around, this].find((unit) => unit.kind === "panel");
  }
}

function unitsOf(graph) {
  const root = new Unit("scope", "", null);
  const home = new Map();
  const place = (kind, name, parent, nodes, path = "") => {
    const unit = new Unit(kind, name, parent, path);
    unit.operations = nodes;
    nodes.forEach((i) => home.set(i, unit));
    return unit;
  };
  const panels = new Map(); // by their names, where there are any
  for (const child of graph.tree.children ?? []) if (child.kind === "panel") panels.set(child.name, new Unit("panel", child.name, root, child.name));
  const panelOf = (i) => panels.get(graph.nodes[i].stage ?? "forward") ?? root;
  for (const [nodes, title, does] of graph.leaves) place("input", title, panelOf(nodes[0]), nodes).does = does;
  const grow = (scope, parent) => {
    for (const child of scope.children ?? []) {
      if (panels.has(child.name) && child.kind === "panel") grow(child, panels.get(child.name));
      else if (typeof child === "number") place("operation", graph.label(child), parent, [child]);
      else if (child.children.length === 1 && typeof child.children[0] === "number")
        Object.assign(place("operation", child.name, parent, child.children, child.path), { rows: child.rows, color: child.color });
      else {
        const unit = new Unit(child.kind, child.name, parent, child.path);
        Object.assign(unit, { does: child.does, rows: child.rows, color: child.color });
        grow(child, unit);
        unit.operations = unit.children.flatMap((inner) => inner.operations);
      }
    }
  };
  grow(graph.tree, root);
  for (const panel of panels.values()) panel.operations = panel.children.flatMap((inner) => inner.operations);
  graph.nodes.slice(graph.operations).forEach((result) => {
    const unit = home.get(result.inputs[0]);
    if (panels.size && (graph.nodes[result.inputs[0]].stage || unit?.around.at(2)?.name === result.name)) return;
    if (unit?.kind === "operation" && (unit.parent === root || unit.parent.kind === "panel") && graph.users[result.inputs[0]].length === 1) {
      unit.kind = "result";
      unit.name = result.name;
      unit.operations.push(result.index);
      home.set(result.index, unit);
    } else place("result", result.name, panelOf(result.inputs[0]), [result.index]);
  });
  return { root, home };
}

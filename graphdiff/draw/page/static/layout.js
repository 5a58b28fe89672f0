// A layered layout: nodes in rows from top to bottom, edges through lanes of their own.
//
// Ranks by the longest path; labels and long edges get a place in every row between; rows are ordered by
// barycentres; and in every row the places nearest to the wanted ones are found exactly, by pooling
// neighbours that would overlap (isotonic regression).

const LANE = 10;
const SIDE = 26;
const SWEEPS = 25;

// nodes: [{w, h, pin: "first" | "last" | undefined}], in an order in which tails come before heads.
// edges: [{from, to, fromX, toX, label: {w, h} | undefined}]; X is where the edge meets the node, counted
// from its middle; where it is not given, edges stand side by side around the one that goes straight on.
// Sets x, y (middle, top) of nodes, and points and labelAt of edges; returns {w, h}.
function layered(nodes, edges) {
  const rank = ranks(nodes, edges);
  const rows = [];
  const cells = nodes.map((node, i) => add({ w: node.w, h: node.h, row: 2 * rank[i], x: 0, links: [], order: i }));
  for (const edge of edges) thread(edge);
  for (let r = 0; r < rows.length; r++) rows[r] ??= [];
  order(rows);
  for (const cell of cells) for (const down of [true, false]) attach(cell, down);
  for (const edge of edges) slant(edge);
  straighten(rows);
  for (const edge of edges) if (edge.lanes.length > 1) upright(edge.lanes, rows);
  close(rows.flat());
  return measure();

  function add(cell) {
    (rows[cell.row] ??= []).push(cell);
    return cell;
  }

  function thread(edge) {
    const [a, b] = rank[edge.from] <= rank[edge.to] ? [edge.from, edge.to] : [edge.to, edge.from];
    const turned = a !== edge.from;
    Object.assign(edge, { turned, straight: b === a + 1, lanes: [], joints: [], ends: [cells[a], cells[b]] });
    Object.assign(edge, turned ? { startX: edge.toX, endX: edge.fromX } : { startX: edge.fromX, endX: edge.toX });
    const [first, last] = [2 * rank[a] + 1, 2 * rank[b] - 1];
    const middle = first + 2 * Math.floor((last - first) / 4);
    const weight = edge.straight ? 8 : 2;
    let before = cells[a];
    for (let row = first; row <= last; row++) {
      const label = row === middle ? edge.label : undefined;
      const w = label ? label.w + LANE : LANE;
      const lane = add({ w, h: label?.h ?? 0, row, x: 0, links: [], order: cells[a].order, label });
      lane.line = label ? LANE / 2 - w / 2 : 0;
      edge.joints.push(join(before, lane, before.lane ? 8 : weight, edge));
      lane.lane = true;
      lane.bare = nodes[a].pin === "first" || nodes[b].pin === "last";
      edge.lanes.push(lane);
      before = lane;
    }
    edge.joints.push(join(before, cells[b], weight, edge));
  }

  function join(above, below, weight, edge) {
    const pair = [{ to: below, down: true, weight, edge }, { to: above, down: false, weight, edge }];
    above.links.push(pair[0]);
    below.links.push(pair[1]);
    return pair;
  }

  // Gives the edges at one side of a node their places, in the order in which they arrive.
  function attach(cell, down) {
    const end = down ? "startX" : "endX";
    const links = cell.links.filter((link) => link.down === down).sort((a, b) => a.to.at - b.to.at);
    const middle = links.findIndex((link) => link.edge.straight);
    const step = Math.min(22, (cell.w - 40) / links.length / (middle < 0 ? 1 : 2));
    links.forEach((link, k) => (link.edge[end] ??= (k - (middle < 0 ? (links.length - 1) / 2 : middle)) * Math.max(0, step)));
  }

  function slant(edge) {
    const xs = [edge.startX, ...edge.lanes.map((lane) => lane.line), edge.endX];
    edge.joints.forEach(([ahead, back], k) => {
      ahead.shift = xs[k] - xs[k + 1];
      back.shift = -ahead.shift;
    });
  }

  function measure() {
    const all = rows.flat();
    const left = Math.min(...all.map((cell) => cell.x - cell.w / 2));
    const right = Math.max(...all.map((cell) => cell.x + cell.w / 2));
    let y = 0;
    const tops = rows.map((row, r) => {
      const top = y;
      const room = r % 2 ? (row.some((cell) => cell.bare) ? 2 : 18) : 0;
      const height = Math.max(room, ...row.map((cell) => cell.h));
      if (r < rows.length - 1) y += height + 8 + bend(row);
      else y += height;
      for (const cell of row) {
        cell.x -= left;
        cell.y = top + (height - cell.h) / 2;
      }
      return [top, top + height];
    });
    nodes.forEach((node, i) => Object.assign(node, { x: cells[i].x, y: cells[i].y }));
    for (const edge of edges) trace(edge, tops);
    return { w: right - left, h: y };
  }

  // Lines that go far aside need height for it.
  function bend(row) {
    const aside = row.flatMap((cell) => cell.links.filter((link) => link.down).map((link) => Math.abs(cell.x + link.shift - link.to.x)));
    return Math.min(30, Math.max(0, ...aside) / 4);
  }

  function trace(edge, tops) {
    const [above, below] = edge.ends;
    const points = [[above.x + edge.startX, above.y + above.h]];
    for (const lane of edge.lanes) {
      const x = lane.x + lane.line;
      points.push([x, tops[lane.row][0]], [x, tops[lane.row][1]]);
      if (lane.label) edge.labelAt = [x + LANE / 2 + 1, lane.y];
    }
    points.push([below.x + edge.endX, below.y]);
    edge.points = edge.turned ? points.reverse() : points;
  }
}

function ranks(nodes, edges) {
  const rank = nodes.map((node) => (node.pin === "first" ? 0 : nodes.some((other) => other.pin === "first") ? 1 : 0));
  const ahead = nodes.map(() => []);
  for (const { from, to } of edges) ahead[Math.min(from, to)].push(Math.max(from, to));
  nodes.forEach((_, i) => ahead[i].forEach((j) => (rank[j] = Math.max(rank[j], rank[i] + 1))));
  const fed = new Set(edges.map((edge) => Math.max(edge.from, edge.to)));
  for (let i = nodes.length - 1; i >= 0; i--)
    if (!fed.has(i) && !nodes[i].pin && ahead[i].length) rank[i] = Math.min(...ahead[i].map((j) => rank[j])) - 1;
  const last = Math.max(0, ...rank);
  nodes.forEach((node, i) => node.pin === "last" && (rank[i] = last));
  return rank;
}

function order(rows) {
  const index = () => rows.forEach((row) => row.forEach((cell, i) => (cell.at = i)));
  const crossings = () => rows.reduce((sum, row) => sum + crossed(row), 0);
  for (const row of rows) row.sort((a, b) => a.order - b.order);
  index();
  let best = crossings();
  let kept = rows.map((row) => [...row]);
  for (let sweep = 0; sweep < SWEEPS && best > 0; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      for (const cell of row) {
        const near = cell.links.filter((link) => link.down !== down);
        cell.wish = near.length ? near.reduce((sum, link) => sum + link.to.at, 0) / near.length : cell.at;
      }
      row.sort((a, b) => a.wish - b.wish || a.at - b.at);
      row.forEach((cell, i) => (cell.at = i));
    }
    const now = crossings();
    if (now < best) [best, kept] = [now, rows.map((row) => [...row])];
  }
  kept.forEach((row, r) => (rows[r] = row));
  index();
}

function crossed(row) {
  const ends = row.flatMap((cell) => cell.links.filter((link) => link.down).map((link) => [cell.at, link.to.at]));
  if (ends.length > 300) return 0;
  let count = 0;
  for (let i = 0; i < ends.length; i++)
    for (let j = i + 1; j < ends.length; j++)
      if ((ends[i][0] - ends[j][0]) * (ends[i][1] - ends[j][1]) < 0) count++;
  return count;
}

function straighten(rows) {
  for (const row of rows) settle(row, () => [0, 1]);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    const wish = (cell) => {
      const near = cell.links.filter((link) => link.down !== down);
      const weight = Math.max(0.01, ...near.map((link) => link.weight));
      const heaviest = near.filter((link) => link.weight === weight);
      if (!heaviest.length) return [cell.x, weight];
      return [heaviest.reduce((sum, link) => sum + link.to.x - link.shift, 0) / heaviest.length, weight];
    };
    for (const row of down ? rows : [...rows].reverse()) settle(row, wish);
  }
}

// A long edge as one upright line, where all its lanes have room at the same place.
function upright(lanes, rows) {
  const free = (cell, x) => {
    const [before, after] = [rows[cell.row][cell.at - 1], rows[cell.row][cell.at + 1]];
    const left = before ? before.x + (before.w + cell.w) / 2 + gap(before, cell) : -Infinity;
    const right = after ? after.x - (after.w + cell.w) / 2 - gap(cell, after) : Infinity;
    return x >= left - 0.1 && x <= right + 0.1;
  };
  const lines = lanes.map((cell) => cell.x + cell.line);
  const found = [Math.max(...lines), Math.min(...lines)].find((x) => lanes.every((cell) => free(cell, x - cell.line)));
  if (found !== undefined) for (const cell of lanes) cell.x = found - cell.line;
}

// Closes the upright stretches that are empty in every row.
function close(cells) {
  let [edge, shift] = [-Infinity, 0];
  for (const cell of cells.sort((a, b) => a.x - a.w / 2 - (b.x - b.w / 2))) {
    const left = cell.x - cell.w / 2 - shift;
    if (left > edge + SIDE && edge > -Infinity) shift += left - edge - SIDE;
    cell.x -= shift;
    edge = Math.max(edge, cell.x + cell.w / 2);
  }
}

const gap = (one, other) => (one.lane && other.lane ? LANE : SIDE);

// The places in a row that are nearest to the wanted ones and do not overlap.
function settle(row, wish) {
  const pools = [];
  let offset = 0;
  row.forEach((cell, i) => {
    if (i) offset += (row[i - 1].w + cell.w) / 2 + gap(row[i - 1], cell);
    const [x, weight] = wish(cell);
    let pool = { sum: (x - offset) * weight, weight, cells: [[cell, offset]] };
    while (pools.length && pools.at(-1).sum / pools.at(-1).weight > pool.sum / pool.weight) {
      const before = pools.pop();
      pool = { sum: before.sum + pool.sum, weight: before.weight + pool.weight, cells: [...before.cells, ...pool.cells] };
    }
    pools.push(pool);
  });
  for (const pool of pools) for (const [cell, shift] of pool.cells) cell.x = pool.sum / pool.weight + shift;
}

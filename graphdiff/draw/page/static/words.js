// Elements, numbers as the pictures print them, and colours.

const byId = (id) => document.getElementById(id);

function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== "" && child !== undefined));
  return element;
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// Numbers as the pictures print them; NaN and infinities arrive as text.
function normText(value) {
  value = Number(value);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.01 || size >= 999.5) return value.toExponential(1).replace("e+", "e").replaceAll("-", "−");
  return (size >= 9.95 ? value.toFixed(0) : String(Number(value.toPrecision(2)))).replaceAll("-", "−");
}

function countText(n) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (n >= size) return (n / size).toFixed(1) + letter;
  return String(n);
}

function bytesText(n) {
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]])
    if (n >= size) return `${(n / size).toFixed(1)} ${unit}`;
  return `${n} B`;
}

const secondsText = (s) => (s < 1e-3 ? `${normText(s * 1e6)} µs` : s < 1 ? `${normText(s * 1e3)} ms` : `${normText(s)} s`);

// What the colour of boxes may stand for: the amount of a node, and how it is said.
const AMOUNTS = {
  compute: [(node) => node.flops, (n) => `${countText(n)} FLOPs`],
  memory: [(node) => node.op && node.bytes, bytesText],
  time: [(node) => (node.seconds ?? 0) + (node.backSeconds ?? 0), secondsText],
};

const total = (numbers) => numbers.reduce((sum, n) => sum + (n ?? 0), 0);
const plural = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
const shortened = (text, most) => (text.length > most ? text.slice(0, most - 1).trimEnd() + "…" : text);

const channels = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

function mixed(start, end, share) {
  const [one, other] = [channels(start), channels(end)];
  return "#" + one.map((c, i) => Math.round(c + (other[i] - c) * share).toString(16).padStart(2, "0")).join("");
}

function luminance(colour) {
  const linear = channels(colour).map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

// The colour of readable text on a fill.
function readableOn(fill) {
  const light = luminance(fill);
  if ((light + 0.05) / (luminance("#1F2937") + 0.05) >= 4.5) return "#1F2937";
  return 1.05 / (light + 0.05) >= 4.5 ? "#FFFFFF" : "#000000";
}


const film = JSON.parse(document.getElementById("film").textContent);
const [slider, named, play] = ["slider", "named", "play"].map(id => document.getElementById(id));
const picture = document.querySelector("main");
const first = film.first.split(/("[^"]*"|>[^<]*<)/);
const last = film.frames.length - 1;
let timer = 0;

function show(frame) {
  const change = film.frames[frame];
  const whole = typeof change === "string";
  picture.innerHTML = whole ? change : first.map((piece, n) => change[n] ?? piece).join("");
  slider.value = frame;
  named.textContent = film.names[frame];
  slider.setAttribute("aria-valuetext", film.names[frame]);
}

function stop() {
  clearInterval(timer);
  timer = 0;
  play.textContent = "Play";
}

function start() {
  if (+slider.value === last) show(0);
  play.textContent = "Pause";
  timer = setInterval(() => { if (+slider.value === last) stop(); else show(+slider.value + 1) }, film.seconds * 1000);
}

play.onclick = () => { if (timer) stop(); else start() };
slider.oninput = () => { stop(); show(+slider.value) };
document.onkeydown = event => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === " " && event.target !== play) { event.preventDefault(); play.click() }
  if (!by || event.target === slider) return;
  stop();
  show(Math.min(Math.max(+slider.value + by, 0), last));
};
document.querySelector(".tools").classList.add("ready");
show(0);

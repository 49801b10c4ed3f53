// The map of dashboard/atlas.py: draws outlines once, colours them by each answer, and says which one was clicked.
const SVG = "http://www.w3.org/2000/svg";
const asked = new Map();

function outlines(path) {
  if (!asked.has(path)) asked.set(path, fetch(path).then((answer) => answer.json()));
  return asked.get(path);
}

function drawn({ size, countries }) {
  const map = document.createElementNS(SVG, "svg");
  map.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  map.setAttribute("role", "img");
  for (const [code, path] of countries) {
    const country = document.createElementNS(SVG, "path");
    country.setAttribute("d", path);
    country.dataset.code = code;
    map.append(country);
  }
  return map;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let isGone = false;
  outlines(data.shapes).then((shapes) => {
    if (isGone) return;
    let place = parentElement.querySelector(".map");
    if (!place) {
      place = document.createElement("div");
      place.className = "map";
      const hint = document.createElement("div");
      hint.className = "hint";
      place.append(drawn(shapes), hint);
      parentElement.append(place);
    }
    const [map, hint] = place.children;
    const found = (event) => data.countries[event.target.dataset?.code];
    map.setAttribute("aria-label", data.text);
    for (const country of map.children) {
      const [shade] = data.countries[country.dataset.code] ?? [null];
      country.classList.toggle("has", shade !== null);
      country.style.setProperty("--shade", shade === null ? "" : `${25 + 75 * shade}%`);
    }
    map.onclick = (event) => found(event) && setTriggerValue("country", event.target.dataset.code);
    map.onpointerleave = () => (hint.textContent = "");
    map.onpointermove = (event) => {
      const box = place.getBoundingClientRect();
      hint.textContent = found(event)?.[1] ?? "";
      hint.style.left = `${Math.min(event.clientX - box.left, box.width * 0.7)}px`;
      hint.style.top = `${event.clientY - box.top}px`;
    };
  });
  return () => (isGone = true);
}

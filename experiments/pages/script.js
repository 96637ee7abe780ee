// Without this the page is whole: it adds values under the pointer, and tables that sort.
"use strict";
(() => {
  const SIZES = { M: 2, L: 2, l: 2, h: 1, v: 1 };

  // The points of a path, as the report writes them: absolute M and L, relative l, h and v.
  function points(path) {
    if (path.points) return path.points;
    const found = [];
    let x = 0, y = 0;
    for (const [, sign, text] of path.getAttribute("d").matchAll(/([MLlhv])([^MLlhvz]*)/g)) {
      const at = text.match(/-?\d*\.?\d+/g).map(Number);
      if (at.length !== SIZES[sign]) continue;
      if (sign === "M" || sign === "L") [x, y] = at;
      else if (sign === "l") { x += at[0]; y += at[1]; }
      else if (sign === "h") x += at[0];
      else y += at[0];
      found.push([x, y]);
    }
    return (path.points = found);
  }

  // What a line is at a place: its points there, or the two beside it, between which it is straight.
  function at(found, x) {
    let low = 0, high = found.length - 1;
    if (!found.length || x < found[0][0] - 2 || x > found[high][0] + 2) return null;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (found[middle][0] <= x) low = middle; else high = middle;
    }
    const [a, b] = [found[low], found[high]];
    const here = found.filter((p) => Math.abs(p[0] - a[0]) < 0.01).map((p) => p[1]);
    if (here.length > 1) return [Math.max(...here), Math.min(...here)];
    const share = b[0] > a[0] ? Math.min(1, Math.max(0, (x - a[0]) / (b[0] - a[0]))) : 0;
    return [a[1] + share * (b[1] - a[1])];
  }

  function value(place, low, high, start, end, isLog) {
    const share = (place - start) / (end - start);
    return isLog ? low * (high / low) ** share : low + share * (high - low);
  }

  function number(v) {
    const size = Math.abs(v);
    return size >= 1000 ? Math.round(v).toLocaleString("en-US") : String(Number(v.toPrecision(3)));
  }

  function time(s) {
    if (Math.abs(s) < 60) return number(s) + " s";
    const minutes = Math.round(s / 60), hours = Math.trunc(minutes / 60), rest = Math.abs(minutes % 60);
    return hours ? hours + " h" + (rest ? " " + String(rest).padStart(2, "0") + " min" : "") : minutes + " min";
  }

  function element(kind, parent, className) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    parent.append(made);
    return made;
  }

  function names(figure) {
    const found = {};
    for (const key of figure.querySelectorAll(".keys li")) found[key.classList[0]] = key.textContent;
    return found;
  }

  function show(svg, tip, cross, pointer) {
    const box = svg.getBoundingClientRect(), s = svg.dataset.s.split(" ").map(Number);
    const x = (pointer.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const isInside = x >= s[2] - 1 && x <= s[3] + 1;
    tip.hidden = !isInside;
    cross.style.display = isInside ? "" : "none";
    if (!isInside) return;
    const word = value(x, s[0], s[1], s[2], s[3], s[4]), named = names(svg.closest("figure"));
    cross.setAttribute("d", "M" + x + " " + Math.min(s[7], s[8]) + "V" + Math.max(s[7], s[8]));
    tip.replaceChildren();
    element("div", tip).textContent = svg.dataset.x === "time" ? time(word) : svg.dataset.x + " " + number(word);
    for (const line of svg.querySelectorAll(".line")) {
      if (getComputedStyle(line).display === "none") continue;
      const found = at(points(line), x);
      if (!found) continue;
      const row = element("div", tip), kind = [...line.classList].find((c) => /^s\d$/.test(c));
      element("i", row, kind);
      const words = found.map((y) => number(value(y, s[5], s[6], s[7], s[8], s[9]))).join(" to ");
      row.append(words + (named[kind] ? "  " + named[kind] : ""));
    }
    const left = pointer.clientX - box.left;
    tip.style.left = Math.max(0, left > box.width / 2 ? left - tip.offsetWidth - 12 : left + 12) + "px";
    tip.style.top = svg.offsetTop + box.height * 0.12 + "px";
  }

  function addCrosshair(svg) {
    const tip = element("div", svg.closest("figure"), "tip");
    const cross = document.createElementNS("http://www.w3.org/2000/svg", "path");
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    cross.setAttribute("class", "cross");
    svg.append(cross);
    svg.addEventListener("pointermove", (pointer) => show(svg, tip, cross, pointer));
    svg.addEventListener("pointerleave", () => { tip.hidden = true; cross.style.display = "none"; });
    svg.ready = true;
  }

  document.addEventListener("pointerover", (pointer) => {
    const svg = pointer.target.closest && pointer.target.closest("svg.plot");
    if (svg && !svg.ready) addCrosshair(svg);
  });

  function key(row, column) {
    const text = row.cells[column].textContent.replace(/,/g, "").replace("\u2212", "-");
    if (/^[+-]?inf/.test(text)) return text[0] === "-" ? -Infinity : Infinity;
    const found = parseFloat(text);
    return Number.isNaN(found) ? text : found;
  }

  function compare(a, b) {
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  }

  function sort(table, column) {
    const heads = [...table.tHead.rows[0].cells], head = heads[column];
    const isUp = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
    rows.sort((a, b) => compare(a[0], b[0]) * (isUp ? 1 : -1));
    table.tBodies[0].append(...rows.map((pair) => pair[1]));
  }

  for (const table of document.querySelectorAll("table.sorts")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, column));
    });
  }
})();

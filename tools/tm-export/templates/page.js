'use strict';
(() => {
  const one = (selector, under = document) => under.querySelector(selector);
  const all = (selector, under = document) => [...under.querySelectorAll(selector)];
  const root = document.documentElement;
  root.classList.add('js');

  one('#theme').addEventListener('click', () => {
    const systemIsDark = matchMedia('(prefers-color-scheme: dark)').matches;
    const isDark = root.dataset.theme === 'auto' ? systemIsDark : root.dataset.theme === 'dark';
    root.dataset.theme = isDark ? 'light' : 'dark';
  });
  one('#print').addEventListener('click', () => print());

  const rows = all('tr[data-hop]');
  const dots = all('.dot[data-hop]');
  const marks = all('#map .mark').map((link) => ({
    link,
    inner: one('g', link),
    label: one('text', link),
    boxes: all('rect', link),
    x: Number(link.dataset.x),
    y: Number(link.dataset.y),
    hops: link.dataset.hops.split(' ').map(Number),
    shown: [],
  }));
  const steps = (element, step) => {
    for (let at = 0; at < 5; at += 1) element.classList.toggle(`s${at}`, at === step);
  };
  const element = (name, text, parent) => {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  };

  // The hop that is chosen, in the table, on the map, in the chart and in the panel.
  const panel = one('#panel');
  let chosen = 0;
  const flag = (name, hop) => {
    for (const row of rows) row.classList.toggle(name, Number(row.dataset.hop) === hop);
    for (const dot of dots) dot.classList.toggle(name, Number(dot.dataset.hop) === hop);
    for (const mark of marks) mark.link.classList.toggle(name, mark.shown.includes(hop) || mark.hops.includes(hop));
  };
  const choose = (hop, among = [hop]) => {
    chosen = hop;
    flag('on', hop);
    if (!panel) return;
    panel.replaceChildren();
    panel.hidden = !hop;
    if (!hop) return;
    const close = element('button', '×', panel);
    close.className = 'close';
    close.setAttribute('aria-label', 'Close');
    close.addEventListener('click', () => choose(0));
    const chips = element('div', '', panel);
    chips.className = 'chips';
    for (const other of among) {
      const chip = element('button', `Hop ${other}`, chips);
      chip.setAttribute('aria-pressed', String(other === hop));
      chip.addEventListener('click', () => choose(other, among));
    }
    for (const row of rows.filter((row) => Number(row.dataset.hop) === hop)) {
      const who = one('summary', row) || one('.who', row);
      const title = element('div', '', panel);
      for (const part of all('.name, .ip', who)) title.append(part.cloneNode(true));
      if (!title.childNodes.length) title.textContent = who.textContent;
      title.className = 'who';
      const about = one('.about', row);
      if (about) panel.append(about.cloneNode(true));
    }
    const mark = marks.find((mark) => !mark.link.classList.contains('under') && mark.shown.includes(hop));
    if (mark) {
      const box = one('#map').getBoundingClientRect();
      panel.classList.toggle('right', mark.link.getBoundingClientRect().left < box.left + box.width / 2);
    }
  };
  for (const row of rows) {
    const hop = Number(row.dataset.hop);
    row.addEventListener('mouseenter', () => flag('near', hop));
    row.addEventListener('mouseleave', () => flag('near', 0));
    row.addEventListener('click', () => choose(hop));
  }
  for (const dot of dots) dot.addEventListener('click', () => choose(Number(dot.dataset.hop)));
  for (const mark of marks) {
    mark.link.addEventListener('click', (event) => {
      event.preventDefault();
      choose(mark.shown[0], mark.shown);
    });
    mark.link.addEventListener('mouseenter', () => flag('near', mark.shown[0]));
    mark.link.addEventListener('mouseleave', () => flag('near', 0));
  }
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input')) return;
    if (event.key === 'Escape') choose(0);
    const step = { j: 1, k: -1 }[event.key];
    if (!step) return;
    const hops = [...new Set(rows.map((row) => Number(row.dataset.hop)))];
    const at = hops.indexOf(chosen);
    const next = hops[at < 0 ? 0 : Math.min(Math.max(at + step, 0), hops.length - 1)];
    choose(next);
    rows.find((row) => Number(row.dataset.hop) === next).scrollIntoView({ block: 'nearest' });
  });

  // The map: what part of it is shown, and which marks would cover each other.
  const map = one('#map');
  const label = (hops) => {
    const runs = [];
    for (const hop of hops) {
      const run = runs.at(-1);
      if (run && run[1] + 1 === hop) run[1] = hop;
      else runs.push([hop, hop]);
    }
    return runs.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(', ');
  };
  if (map) {
    const home = map.getAttribute('viewBox').split(' ').map(Number);
    const copies = all('.world', map).map((world) => Number(world.dataset.x));
    let view = [...home];
    // Tiles: another server is asked for them, so only while the reader wants it.
    const tiles = one('#tiles');
    const tiled = one('#tiled');
    let soon = 0;
    const lay = () => {
      const zoom = Math.min(Math.max(Math.round(Math.log2(16 / unit())), 0), 19);
      const [across, size] = [2 ** zoom, 4096 / 2 ** zoom];
      const wanted = new Map();
      for (let x = Math.floor(view[0] / size); tiled.checked && x * size < view[0] + view[2]; x += 1) {
        for (let y = Math.max(Math.floor(view[1] / size), 0); y < across && y * size < view[1] + view[3]; y += 1) {
          wanted.set(`${zoom}/${x}/${y}`, [x, y]);
        }
      }
      for (const image of [...tiles.children]) if (!wanted.delete(image.dataset.tile)) image.remove();
      for (const [tile, [x, y]] of wanted) {
        const image = document.createElementNS(map.namespaceURI, 'image');
        const column = ((x % across) + across) % across;
        const href = tiles.dataset.url.replace('{z}', zoom).replace('{x}', column).replace('{y}', y);
        const all = { 'data-tile': tile, x: x * size, y: y * size, width: size * 1.004, height: size * 1.004, href };
        for (const [name, value] of Object.entries(all)) image.setAttribute(name, value);
        image.addEventListener('error', () => { one('#tiles-say').textContent = `No tile comes from ${new URL(href).host}.`; });
        tiles.append(image);
      }
    };
    tiled?.addEventListener('change', () => {
      // Servers of OpenStreetMap want to know what site a reader is on, and no more is told.
      one('meta[name="referrer"]').content = tiled.checked ? 'strict-origin' : 'no-referrer';
      one('.credit')?.remove();
      if (tiled.checked) {
        const credit = element('a', '© OpenStreetMap contributors', one('.map'));
        [credit.className, credit.href, credit.target, credit.rel] = ['credit', 'https://www.openstreetmap.org/copyright', '_blank', 'noopener noreferrer'];
        if (location.protocol === 'file:') one('#tiles-say').textContent += ' Servers of OpenStreetMap may refuse a page that was opened from a file, for it has no site to name.';
      }
      lay();
    });
    const unit = () => {
      const box = map.getBoundingClientRect();
      return Math.max(view[2] / box.width, view[3] / box.height);
    };
    const draw = () => {
      // Not laid out yet: there is no size to draw for.
      if (!map.getBoundingClientRect().width) return;
      map.setAttribute('viewBox', view.map((value) => value.toFixed(2)).join(' '));
      const size = unit();
      const seen = [];
      for (const mark of marks) {
        const first = seen.find((other) => Math.hypot(other.x - mark.x, other.y - mark.y) < 26 * size);
        mark.link.classList.toggle('under', Boolean(first));
        if (first) {
          first.shown = [...new Set([...first.shown, ...mark.hops])].sort((a, b) => a - b);
          mark.shown = [];
        } else {
          mark.shown = [...mark.hops];
          seen.push(mark);
        }
      }
      for (const mark of seen) {
        const text = label(mark.shown);
        const width = Math.max([...text].length * 7 + 10, 22);
        mark.label.textContent = text;
        mark.boxes.forEach((box, at) => {
          const more = at ? 0 : 4;
          box.setAttribute('x', -(width + more) / 2);
          box.setAttribute('width', width + more);
        });
        mark.inner.setAttribute('transform', `translate(${mark.x} ${mark.y}) scale(${size.toFixed(4)})`);
      }
      if (tiled?.checked) { clearTimeout(soon); soon = setTimeout(lay, 150); }
    };
    const zoom = (factor, x = view[0] + view[2] / 2, y = view[1] + view[3] / 2) => {
      const width = Math.min(Math.max(view[2] * factor, 12), Math.max(home[2], 4096));
      const ratio = width / view[2];
      view = [x - (x - view[0]) * ratio, y - (y - view[1]) * ratio, width, view[3] * ratio];
      pan(0, 0);
    };
    const pan = (dx, dy) => {
      view[0] = Math.min(Math.max(view[0] + dx, Math.min(...copies)), Math.max(...copies) + 4096 - view[2]);
      view[1] = Math.min(Math.max(view[1] + dy, 0), Math.max(4096 - view[3], 0));
      draw();
    };
    const place = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
      return [at.x, at.y];
    };
    one('#nearer').addEventListener('click', () => zoom(0.6));
    one('#farther').addEventListener('click', () => zoom(1 / 0.6));
    one('#fit').addEventListener('click', () => { view = [...home]; draw(); });
    map.addEventListener('dblclick', (event) => zoom(0.5, ...place(event)));
    map.addEventListener('wheel', (event) => {
      // Without a key the wheel moves the page, as everywhere else.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, ...place(event));
    }, { passive: false });
    map.addEventListener('keydown', (event) => {
      const step = view[2] / 10;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (moves[event.key]) pan(...moves[event.key]);
      else if (event.key === '+' || event.key === '=') zoom(0.6);
      else if (event.key === '-') zoom(1 / 0.6);
      else if (event.key === '0') one('#fit').click();
      else return;
      event.preventDefault();
    });
    let held = null;
    map.addEventListener('pointerdown', (event) => {
      if (event.button === 0) held = { x: event.clientX, y: event.clientY, far: false };
    });
    map.addEventListener('pointermove', (event) => {
      if (!held) return;
      const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
      if (!held.far && Math.hypot(dx, dy) < 5) return;
      if (!held.far) map.setPointerCapture(event.pointerId);
      map.classList.add('dragged');
      pan(-dx * unit(), -dy * unit());
      held = { x: event.clientX, y: event.clientY, far: true };
    });
    const release = () => { held = null; map.classList.remove('dragged'); };
    map.addEventListener('pointerup', release);
    map.addEventListener('pointercancel', release);
    map.addEventListener('dragstart', (event) => event.preventDefault());
    new ResizeObserver(draw).observe(map);
    draw();
  }

  // Rounds: 0 is all of them together, as the page was written.
  const slider = one('#round');
  if (slider) {
    const rounds = JSON.parse(one('#rounds').textContent);
    const said = one('#round-said');
    const cells = rows.map((row) => ({
      row,
      hop: row.dataset.hop,
      further: row.dataset.further !== undefined,
      parts: ['.ip', '.avg', '.loss-text', '.name', '.spread-text', '.jitter-text'].map((selector) => {
        const part = one(selector, row);
        return part && { part, text: part.textContent };
      }),
      bar: one('.bar', row),
      share: one('.bar rect', row)?.getAttribute('width'),
      classes: one('.bar', row)?.getAttribute('class'),
    }));
    const before = { dots: dots.map((dot) => [dot.getAttribute('cy'), dot.getAttribute('class')]), marks: marks.map((mark) => mark.link.getAttribute('class')) };
    const chart = one('#chart');
    const show = () => {
      const round = rounds[slider.value - 1];
      said.textContent = round ? `Round ${round.n}, ${round.at}` : `All ${rounds.length} rounds`;
      root.classList.toggle('one-round', Boolean(round));
      const slowest = round ? Math.max(...Object.values(round.h).map((seen) => seen[2]), 0.1) : 1;
      for (const cell of cells) {
        const seen = round?.h[cell.hop];
        cell.row.hidden = Boolean(round) && cell.further;
        const [ip, avg, loss, ...rest] = cell.parts;
        const texts = !round ? null : seen ? [seen[0] || 'no answer', seen[1], seen[4]] : ['not probed', '', ''];
        [ip, avg, loss].forEach((part, at) => { if (part) part.part.textContent = texts ? texts[at] : part.text; });
        rest.forEach((part, at) => {
          if (!part) return;
          const same = !round || (at === 0 && seen && seen[0] === ip.text);
          part.part.textContent = same ? part.text : '';
        });
        if (cell.bar) {
          one('rect', cell.bar).setAttribute('width', !round ? cell.share : seen && seen[2] >= 0 ? Math.max((seen[2] / slowest) * 100, 1) : 0);
          if (round) steps(cell.bar, seen ? seen[3] : -1);
          else cell.bar.setAttribute('class', cell.classes);
        }
      }
      dots.forEach((dot, at) => {
        const seen = round?.h[dot.dataset.hop];
        const [cy, classes] = before.dots[at];
        if (!round) { dot.setAttribute('cy', cy); dot.setAttribute('class', classes); dot.removeAttribute('visibility'); return; }
        const { top, bottom, max } = chart.dataset;
        const silent = !seen || seen[2] < 0;
        dot.setAttribute('visibility', silent ? 'hidden' : 'visible');
        if (silent) return;
        dot.setAttribute('cy', bottom - (bottom - top) * Math.min(seen[2] / max, 1));
        steps(dot, seen[3]);
      });
      marks.forEach((mark, at) => {
        if (!round) { mark.link.setAttribute('class', before.marks[at]); return; }
        const seen = mark.hops.map((hop) => round.h[hop]).filter((seen) => seen && seen[2] >= 0).at(-1);
        steps(mark.link, seen ? seen[3] : -1);
      });
      if (map) dispatchEvent(new Event('resize'));
      flag('on', chosen);
    };
    slider.addEventListener('input', show);
  }
})();

'use strict';

// Shows the numbers of a figure at the pointer.
(() => {
  const nearest = (values, value) => {
    let best = -1;
    values.forEach((one, k) => {
      if (one === null) return;
      const better = best < 0 ||
        Math.abs(one - value) < Math.abs(values[best] - value);
      if (better) best = k;
    });
    return best;
  };

  const short = (value) =>
    value === null ? '–' : String(Number(value.toPrecision(4)));

  for (const figure of document.querySelectorAll('.plot')) {
    const numbers = JSON.parse(figure.dataset.numbers);
    if (!numbers.length) continue;
    const tip = document.createElement('div');
    const rule = document.createElement('div');
    tip.className = 'tip';
    rule.className = 'rule';
    tip.hidden = rule.hidden = true;
    figure.append(rule, tip);

    const show = ({clientX, clientY}) => {
      const svg = figure.querySelector('svg').getBoundingClientRect();
      const u = (clientX - svg.left) / svg.width;
      const v = (clientY - svg.top) / svg.height;
      const axes = numbers.find(({box: [x0, y0, x1, y1]}) =>
        u >= x0 && u <= x1 && v >= y0 && v <= y1);
      tip.hidden = rule.hidden = !axes;
      if (!axes) return;
      const {box, range, labels, series, xlabel} = axes;
      const x = range[0] +
        (u - box[0]) / (box[2] - box[0]) * (range[1] - range[0]);
      const first = series[0].x;
      const place = first[nearest(first, x)];
      const title = document.createElement('strong');
      title.textContent = labels.length
        ? labels[nearest(first, x)] : `${short(place)} ${xlabel}`;
      tip.replaceChildren(title, ...series.map(({name, colour, x: xs, y}) => {
        const line = document.createElement('span');
        line.textContent = `${name}: ${short(y[nearest(xs, x)])}`;
        line.style.setProperty('--mark', colour);
        return line;
      }));
      const across = box[0] + (place - range[0]) / (range[1] - range[0]) *
        (box[2] - box[0]);
      rule.style.left = `${across * svg.width}px`;
      rule.style.top = `${box[1] * svg.height}px`;
      rule.style.height = `${(box[3] - box[1]) * svg.height}px`;
      const room = svg.width - tip.offsetWidth - 4;
      tip.style.left = `${Math.max(0, Math.min(room, u * svg.width + 14))}px`;
      tip.style.top = `${v * svg.height + 14}px`;
    };
    figure.addEventListener('pointermove', show);
    figure.addEventListener('pointerleave', () => {
      tip.hidden = rule.hidden = true;
    });
  }
})();

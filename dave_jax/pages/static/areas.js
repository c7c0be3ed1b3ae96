'use strict';

// Areas of interest: rectangles in pixels of the video, and the share of the
// attention in each.
(() => {
  const SMALLEST = 2;  // Pixels of the video; anything smaller is a click.

  // Returns for each of `cells` equal parts of 0..extent the part of it that
  // lies between `low` and `high`.
  const cover = (low, high, extent, cells) => {
    const scale = cells / extent;
    return Float64Array.from({length: cells}, (_, k) =>
      Math.max(0, Math.min(high * scale, k + 1) - Math.max(low * scale, k)));
  };

  // Returns a function from a map [height, width] to the share of it in an
  // area of a video of `size`, 0 to 1; null for a map of zeros.
  dave.shareOf = (area, size, {height, width}) => {
    const rows = cover(area.y0, area.y1, size.height, height);
    const columns = cover(area.x0, area.x1, size.width, width);
    return (map) => {
      let [inside, all] = [0, 0];
      for (let y = 0, k = 0; y < height; y++) {
        for (let x = 0; x < width; x++, k++) {
          all += map[k];
          inside += map[k] * rows[y] * columns[x];
        }
      }
      return all ? inside / all : null;
    };
  };

  const quoted = (text) =>
    /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

  // Returns areas as the CSV that `evaluate --boxes` and `predict --aoi` read;
  // an empty frame stands for every frame.
  dave.areasCsv = (clip, areas) => [
    'clip,frame,x0,y0,x1,y1,area',
    ...areas.map(({name, x0, y0, x1, y1}) =>
      [quoted(clip), '', x0, y0, x1, y1, quoted(name)].join(',')),
    '',
  ].join('\n');

  dave.areasJson = (clip, {width, height}, areas) => JSON.stringify(
    {format: 'dave-jax areas 1', clip, width, height, areas}, null, 1) + '\n';

  dave.download = (name, type, text) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], {type}));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  dave.drawAreas = (context, areas, size) => {
    const {width, height} = context.canvas;
    const [across, down] = [width / size.width, height / size.height];
    const scale = width / context.canvas.clientWidth;
    context.font = `${13 * scale}px system-ui, sans-serif`;
    areas.forEach(({name, x0, y0, x1, y1}, number) => {
      const box = [x0 * across, y0 * down, (x1 - x0) * across, (y1 - y0) * down];
      context.lineWidth = 4 * scale;
      context.strokeStyle = 'rgb(0 0 0 / 60%)';
      context.strokeRect(...box);
      context.lineWidth = 2 * scale;
      context.strokeStyle = dave.colourOf(number);
      context.strokeRect(...box);
      if (!name) return;
      const text = context.measureText(name).width;
      context.fillStyle = 'rgb(0 0 0 / 70%)';
      context.fillRect(box[0], box[1], text + 10 * scale, 19 * scale);
      context.fillStyle = '#fff';
      context.fillText(name, box[0] + 5 * scale, box[1] + 14 * scale);
    });
  };

  // Lets areas be drawn on a canvas by dragging.
  // enabled: Returns whether dragging draws.
  // changed: Called with the unfinished area while it is drawn.
  // done: Called with the finished area.
  dave.dragAreas = (canvas, size, {enabled, changed, done, click}) => {
    let start = null;
    const at = ({clientX, clientY}) => {
      const box = canvas.getBoundingClientRect();
      const within = (value, extent) =>
        Math.round(100 * Math.max(0, Math.min(1, value)) * extent) / 100;
      return {
        x: within((clientX - box.left) / box.width, size.width),
        y: within((clientY - box.top) / box.height, size.height),
      };
    };
    const area = (event) => {
      const end = at(event);
      return {
        x0: Math.min(start.x, end.x), y0: Math.min(start.y, end.y),
        x1: Math.max(start.x, end.x), y1: Math.max(start.y, end.y),
      };
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (!enabled() || event.button) return;
      start = at(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (start) changed(area(event));
    });
    canvas.addEventListener('pointerup', (event) => {
      if (!start) return click();
      const {x0, y0, x1, y1} = area(event);
      start = null;
      changed(null);
      if (x1 - x0 >= SMALLEST && y1 - y0 >= SMALLEST) done({x0, y0, x1, y1});
    });
    canvas.addEventListener('pointercancel', () => {
      start = null;
      changed(null);
    });
  };
})();

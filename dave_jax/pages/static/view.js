'use strict';

// The page of a prediction: the video with its maps, and curves under it.
(() => {
  const FACTOR = 8;  // Pixels that a cell of a map is drawn with.
  const data = dave.json('data');
  const element = (id) => document.getElementById(id);
  const video = element('video');
  const stage = element('stage');
  const heat = element('heat');
  const marks = element('marks');
  const {size} = data;
  const maps = new dave.Maps(data.maps);
  const silent = data.silent && new dave.Maps(data.silent);
  const enlarger = new dave.Enlarger(maps.height, maps.width, FACTOR);
  const image = new ImageData(enlarger.columns, enlarger.rows);
  const areas = data.areas.map((area) => ({...area}));
  const colours = Object.fromEntries(Object.entries(data.colormaps).map(
    ([name, base64]) =>
      [name, Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));
  let draft = null;
  let table = null;
  let player = null;
  let curves = null;
  heat.width = enlarger.columns;
  heat.height = enlarger.rows;
  stage.style.setProperty('--aspect', size.width / size.height);

  const settings = () => ({
    layer: element('layer').value,
    opacity: Number(element('opacity').value),
    colours: colours[element('colormap').value],
    contours: element('contours').checked,
    peak: element('peak').checked,
  });

  // Draws the maps and marks of the frame that is shown.
  const draw = () => {
    const {index} = player;
    const own = maps.get(index);
    if (!own) return;
    const {layer, opacity, colours, contours, peak} = settings();
    const layers = heat.getContext('2d');
    layers.clearRect(0, 0, heat.width, heat.height);
    const context = marks.getContext('2d');
    context.clearRect(0, 0, marks.width, marks.height);
    if (layer !== 'none') {
      const other = layer === 'saliency' ? null : silent.get(index);
      const shown = layer === 'silent' ? other : own;
      const above = shown && dave.above(shown);
      if (layer === 'difference') {
        const changed = other && dave.difference(own, other);
        if (changed) {
          dave.paintDifference(image, enlarger.enlarge(changed, -1), opacity);
          layers.putImageData(image, 0, 0);
        }
      } else if (above) {
        dave.paintHeat(image, enlarger.enlarge(above, 0), colours, opacity);
        layers.putImageData(image, 0, 0);
      }
      if (contours && above) {
        dave.drawContours(context, enlarger.enlarge(above, 0), enlarger.rows,
          enlarger.columns, colours);
      }
      if (peak && table) drawPeak(context, index);
    }
    const drawn = draft ? [...areas, {name: '', ...draft}] : areas;
    dave.drawAreas(context, drawn, size);
    showShares(own);
  };

  const drawPeak = (context, index) => {
    const [x, y] = [table.peak_x[index], table.peak_y[index]];
    if (Number.isNaN(x)) return;
    dave.drawPeak(context, x * marks.width / size.width,
      y * marks.height / size.height);
  };

  const show = (index, time) => {
    element('time').textContent = dave.clock(time);
    element('frame').textContent =
      `frame ${table.frame[index]}`;
    element('seek').value = index;
    curves?.moveTo(time);
    draw();
  };

  // The list of areas, with their share in the frame that is shown.
  const percent = (share) =>
    share == null ? '–' : `${(100 * share).toFixed(1)}%`;

  const showShares = (map) => areas.forEach((area) => {
    area.share ??= dave.shareOf(area, size, maps);
    if (area.cell) area.cell.textContent = percent(area.share(map));
  });

  const listAreas = () => {
    element('areas').replaceChildren(...areas.map((area, number) => {
      const row = document.createElement('li');
      const swatch = document.createElement('span');
      swatch.className = 'swatch';
      swatch.style.background = dave.colourOf(number);
      const name = document.createElement('input');
      name.value = area.name;
      name.ariaLabel = 'Name of the area';
      name.addEventListener('change', () => {
        area.name = name.value;
        changedAreas();
      });
      area.cell = document.createElement('output');
      const remove = document.createElement('button');
      remove.textContent = '×';
      remove.title = 'Remove the area';
      remove.addEventListener('click', () => {
        areas.splice(areas.indexOf(area), 1);
        changedAreas();
      });
      row.append(swatch, name, area.cell, remove);
      return row;
    }));
    element('save').hidden = !areas.length;
  };

  const changedAreas = () => {
    listAreas();
    draw();
    showAreaCurves();
  };

  // Computes the shares of areas drawn by mouse, piece by piece.
  let run = 0;
  const showAreaCurves = async () => {
    const mine = ++run;
    for (const area of areas.filter(({values}) => !values)) {
      const share = dave.shareOf(area, size, maps);
      const values = new Array(maps.count).fill(null);
      for (let index = 0; index < maps.count; index++) {
        if (index % maps.piece === 0) {
          await maps.load(index / maps.piece);
          if (mine !== run) return;
        }
        const found = share(maps.get(index));
        values[index] = found == null ? null : 100 * found;
      }
      area.values = values;
    }
    curves.set('areas', {
      title: 'Share of attention in each area',
      unit: '%',
      digits: 1,
      series: areas.map(({name, values}) => ({label: name, values})),
    });
  };

  const plain = () =>
    areas.map(({name, x0, y0, x1, y1}) => ({name, x0, y0, x1, y1}));

  const connect = () => {
    for (const id of ['layer', 'opacity', 'colormap', 'contours', 'peak']) {
      element(id).addEventListener('input', draw);
    }
    const draws = element('draw');
    draws.addEventListener('change', () =>
      stage.classList.toggle('drawing', draws.checked));
    element('play').addEventListener('click', () => player.toggle());
    element('back').addEventListener('click', () => player.step(-1));
    element('forth').addEventListener('click', () => player.step(1));
    element('seek').max = maps.count - 1;
    element('seek').addEventListener('input', () =>
      player.seekFrame(Number(element('seek').value)));
    element('save_csv').addEventListener('click', () => dave.download(
      `${data.clip}_areas.csv`, 'text/csv', dave.areasCsv(data.clip, plain())));
    element('save_json').addEventListener('click', () => dave.download(
      `${data.clip}_areas.json`, 'application/json',
      dave.areasJson(data.clip, size, plain())));
    dave.dragAreas(marks, size, {
      enabled: () => draws.checked,
      click: () => player.toggle(),
      changed: (area) => {
        draft = area;
        draw();
      },
      done: (area) => {
        areas.push({name: `area ${areas.length + 1}`, ...area});
        changedAreas();
      },
    });
    dave.onkeys((key) => {
      if (key !== 'o') return player.key(key);
      const layer = element('layer');
      const last = layer.dataset.last ?? 'saliency';
      layer.dataset.last = layer.value === 'none' ? last : layer.value;
      layer.value = layer.value === 'none' ? last : 'none';
      draw();
      return true;
    });
    for (const name of ['play', 'pause']) {
      video.addEventListener(name, () => {
        element('play').textContent = video.paused ? 'Play' : 'Pause';
      });
    }
    new ResizeObserver(() => {
      const ratio = devicePixelRatio || 1;
      marks.width = Math.round(marks.clientWidth * ratio);
      marks.height = Math.round(marks.clientHeight * ratio);
      draw();
    }).observe(marks);
  };

  // Opens the first source that plays; the user may choose a file instead.
  const openVideo = () => {
    const sources = [...data.sources];
    const next = () => {
      const source = sources.shift();
      element('lost').hidden = Boolean(source);
      element('drawn').hidden = !source?.drawn;
      element('layer').value = source?.drawn ? 'none' : 'saliency';
      draw();
      if (!source) return;
      player.offset = source.start;
      video.muted = data.muted;
      video.src = source.url;
    };
    video.addEventListener('error', next);
    next();
    element('file').addEventListener('change', ({target}) => {
      player.offset = data.sources[0]?.start ?? 0;
      video.src = URL.createObjectURL(target.files[0]);
      element('lost').hidden = true;
      draw();
    });
  };

  const start = async () => {
    const stored = await dave.load('view/curves');
    table = Object.fromEntries(Object.entries(stored).map(([name, base64]) =>
      [name, (name === 'time' ? dave.doubles : dave.floats)(base64)]));
    const times = Array.from(table.time);
    const known = (values) =>
      Array.from(values, (value) => Number.isNaN(value) ? null : value);
    player = new dave.Player(video, {times, offset: 0, rate: data.rate, show});
    curves = new dave.Curves(element('curves'), times, (time) =>
      player.seek(time));
    for (const {name, ...chart} of data.curves) {
      curves.set(name, {
        ...chart, series: [{label: name, values: known(table[name])}],
      });
    }
    areas.forEach((area, number) => {
      area.values = known(table[`share_${number}`]).map(
        (share) => share == null ? null : 100 * share);
    });
    connect();
    changedAreas();
    openVideo();
    player.at(times[0]);
    dave.onmaps = draw;
    Object.assign(dave, {player, maps, areas, curves});
    document.documentElement.dataset.ready = 'yes';
  };

  start().catch((error) => {
    element('failed').hidden = false;
    element('failed').textContent = error.message;
  });
})();

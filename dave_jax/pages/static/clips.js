'use strict';

// Players of people and of every model, in step, above their scores.
(() => {
  const FACTOR = 4;  // Pixels that a cell of a map is drawn with.
  const {clips: data} = dave.json('data');
  const element = (id) => document.getElementById(id);
  const video = element('video');
  let shown = null;

  // A player draws the picture of the one video and a map over it.
  const makePlayer = (name, maps, size, colours) => {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    const score = document.createElement('output');
    const stage = document.createElement('div');
    const [picture, heat, marks] = Array.from(
      {length: 3}, () => document.createElement('canvas'));
    caption.append(name, score);
    stage.className = 'stage';
    stage.style.setProperty('--aspect', size.width / size.height);
    stage.append(picture, heat, marks);
    figure.append(caption, stage);
    for (const canvas of [picture, marks]) {
      canvas.width = 480;
      canvas.height = Math.round(480 * size.height / size.width);
    }
    if (!maps) return {figure, score, picture, marks};
    const enlarger = new dave.Enlarger(maps.height, maps.width, FACTOR);
    heat.width = enlarger.columns;
    heat.height = enlarger.rows;
    const image = new ImageData(enlarger.columns, enlarger.rows);
    const draw = (index, opacity) => {
      const map = maps.get(index);
      if (!map) return;
      const context = heat.getContext('2d');
      context.clearRect(0, 0, heat.width, heat.height);
      const above = dave.above(map);
      if (!above) return;
      dave.paintHeat(image, enlarger.enlarge(above, 0), colours, opacity);
      context.putImageData(image, 0, 0);
    };
    return {figure, score, picture, marks, draw, maps};
  };

  const drawFixations = (canvas, index) => {
    const context = canvas.getContext('2d');
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!element('fixations').checked) return;
    const {size} = shown.clip;
    for (const [x, y] of shown.fixations[index]) {
      context.beginPath();
      context.arc(x / size.width * canvas.width,
        y / size.height * canvas.height, 5, 0, 2 * Math.PI);
      for (const [colour, width] of [['#000', 4], ['#0f8', 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke();
      }
    }
  };

  const draw = () => {
    if (!shown?.player) return;
    const {index, time} = shown.player;
    const opacity = Number(element('opacity').value);
    element('time').textContent = dave.clock(time);
    element('frame').textContent = `frame ${shown.frames[index]}`;
    shown.players.forEach((player, number) => {
      const {picture, marks, score} = player;
      if (video.readyState >= 2) {
        picture.getContext('2d').drawImage(
          video, 0, 0, picture.width, picture.height);
      }
      player.draw?.(index, opacity);
      drawFixations(marks, index);
      const value = number ? shown.scores[number - 1][index] : null;
      score.textContent = number
        ? `${data.score} ${value == null ? '–' : value.toFixed(2)}` : '';
    });
    shown.curves.moveTo(time);
  };

  // Returns the frame where the scores of the models differ most.
  const widest = () => {
    let [best, most] = [0, -1];
    const models = shown.scores.filter((_, k) => !data.people[k]);
    const compared = models.length > 1 ? models : shown.scores;
    shown.frames.forEach((_, index) => {
      const values = compared.map((one) => one[index])
        .filter((value) => value != null);
      const gap = Math.max(...values) - Math.min(...values);
      if (values.length > 1 && gap > most) [best, most] = [index, gap];
    });
    return best;
  };

  const open = async (clip) => {
    const stored = await dave.load(`${clip.folder}/data`);
    const known = (values) =>
      Array.from(values, (value) => Number.isNaN(value) ? null : value);
    const colours = Uint8Array.from(
      atob(data.colormap), (character) => character.charCodeAt(0));
    const times = Array.from(dave.doubles(stored.times));
    const fixations = times.map(() => []);
    const xy = dave.floats(stored.fixation_xy);
    stored.fixation_place.forEach((place, k) =>
      fixations[place].push([xy[2 * k], xy[2 * k + 1]]));
    const scores = stored.scores.map((one) => known(dave.floats(one)));
    const players = ['people', ...data.runs].map((name, number) => {
      const maps = stored.maps[number];
      return makePlayer(
        name, maps && new dave.Maps(maps), clip.size, colours);
    });
    element('players').replaceChildren(...players.map(({figure}) => figure));
    element('curves').replaceChildren();
    const curves = new dave.Curves(element('curves'), times, (time) =>
      shown.player.seek(time));
    curves.set('score', {
      title: `${data.score} of each frame`,
      unit: '',
      digits: 2,
      series: data.runs.map((label, k) => ({label, values: scores[k]})),
    });
    shown?.player.stop();
    shown = {clip, frames: stored.frames, scores, fixations, players, curves};
    video.src = `${clip.folder}/clip.mp4`;
    shown.player = new dave.Player(video, {
      times, offset: clip.start, rate: clip.rate, show: draw,
    });
    dave.onmaps = draw;
    Object.assign(dave, {shown, player: shown.player});
    draw();
    document.documentElement.dataset.ready = 'yes';
  };

  const openSelected = () => open(data.clips[element('clip').value])
    .catch((error) => {
      element('failed').hidden = false;
      element('failed').textContent = error.message;
    });

  if (!data) {
    document.documentElement.dataset.ready = 'yes';
    return;
  }
  element('clip').append(...data.clips.map((clip, number) => {
    const means = clip.means.map((mean) => mean == null ? '–' : mean.toFixed(2));
    const category = clip.category ? `${clip.category}: ` : '';
    return new Option(
      `${category}${clip.name} (${data.score} ${means.join(', ')})`, number);
  }));
  element('clip').addEventListener('change', openSelected);
  element('play').addEventListener('click', () => shown.player.toggle());
  element('back').addEventListener('click', () => shown.player.step(-1));
  element('forth').addEventListener('click', () => shown.player.step(1));
  for (const id of ['opacity', 'fixations']) {
    element(id).addEventListener('input', draw);
  }
  for (const name of ['play', 'pause']) {
    video.addEventListener(name, () => {
      element('play').textContent = video.paused ? 'Play' : 'Pause';
    });
  }
  video.addEventListener('seeked', draw);
  video.addEventListener('loadeddata', draw);
  dave.onkeys((key) => {
    if (key !== 'n') return shown.player.key(key);
    shown.player.seekFrame(widest());
    return true;
  });
  openSelected();
})();

'use strict';

// Curves over the time of a clip, with a line at the picture that is shown.
(() => {
  const HEIGHT = 120;
  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  dave.colourOf = (number) => colour(`--curve-${number % 6}`);

  const axis = (size, more) => ({
    stroke: () => colour('--muted'),
    grid: {stroke: () => colour('--line'), width: 1},
    ticks: {stroke: () => colour('--line'), width: 1, size: 4},
    font: '11px system-ui, sans-serif',
    size,
    ...more,
  });

  dave.Curves = class {
    // parent: The element that charts are added to.
    // times: Seconds of the frames.
    // seek: Called with a time when a chart is clicked.
    constructor(parent, times, seek) {
      Object.assign(this, {parent, times, seek});
      this.charts = new Map();
      this.time = times[0];
      const scheme = matchMedia('(prefers-color-scheme: dark)');
      scheme.addEventListener('change', () => this.redraw());
      new ResizeObserver(() => this.resize()).observe(parent);
    }

    // Adds a chart or replaces it.
    // series: [{label, values}], null where unknown; none removes the chart.
    set(name, {title, unit, digits, series}) {
      const old = this.charts.get(name);
      const figure = old?.figure ?? document.createElement('figure');
      old?.plot.destroy();
      this.charts.delete(name);
      if (!series.length) {
        figure.remove();
        return;
      }
      figure.className = 'curve';
      figure.dataset.name = name;
      const caption = document.createElement('figcaption');
      const values = document.createElement('output');
      caption.append(unit ? `${title} (${unit})` : title, values);
      figure.replaceChildren(caption);
      if (!old) this.parent.append(figure);
      const plot = new uPlot(
        this.options(series),
        [this.times, ...series.map(({values}) => values)],
        figure,
      );
      const line = document.createElement('div');
      line.className = 'now';
      plot.over.append(line);
      plot.over.addEventListener('click', (event) => {
        const left = event.clientX - plot.over.getBoundingClientRect().left;
        this.seek(plot.posToVal(left, 'x'));
      });
      this.charts.set(name, {figure, plot, line, values, series, digits});
      this.moveTo(this.time);
    }

    options(series) {
      return {
        width: Math.max(200, this.parent.clientWidth),
        height: HEIGHT,
        scales: {x: {time: false}},
        legend: {show: false},
        cursor: {
          sync: {key: 'curves'},
          drag: {x: true, y: false, dist: 8},
          points: {size: 6},
        },
        axes: [
          axis(24, {values: (_, splits) => splits.map((s) => `${s} s`)}),
          axis(52),
        ],
        series: [
          {},
          ...series.map((_, k) => ({
            stroke: () => dave.colourOf(k),
            width: 1.5,
            points: {show: this.times.length < 3},
          })),
        ],
        hooks: {
          setScale: [(_, key) => key === 'x' && this.moveTo(this.time)],
          setCursor: [({cursor: {idx}}) => this.showValues(idx)],
        },
      };
    }

    // Moves the line of each chart to a time.
    moveTo(time) {
      this.time = time;
      for (const {plot, line} of this.charts.values()) {
        const left = plot.valToPos(time, 'x');
        line.hidden = !(left >= 0 && left <= plot.over.clientWidth);
        line.style.transform = `translateX(${left}px)`;
      }
      this.showValues(null);
    }

    // Writes the values beside the titles: those under the pointer, or those of
    // the picture that is shown.
    showValues(pointed) {
      const index = pointed ?? dave.indexAt(this.times, this.time);
      for (const {values, series, digits} of this.charts.values()) {
        values.replaceChildren(...series.map((one, k) => {
          const text = document.createElement('span');
          const value = one.values[index];
          const shown = value == null
            ? '–' : value.toFixed(digits).replace(/^-(0\.?0*)$/, '$1');
          text.textContent = series.length > 1 ? `${one.label} ${shown}` : shown;
          text.style.color = dave.colourOf(k);
          return text;
        }));
      }
    }

    redraw() {
      for (const {plot} of this.charts.values()) plot.redraw(false, true);
    }

    resize() {
      const width = Math.max(200, this.parent.clientWidth);
      for (const {plot} of this.charts.values()) {
        plot.setSize({width, height: HEIGHT});
      }
      this.moveTo(this.time);
    }
  };
})();

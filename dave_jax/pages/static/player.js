'use strict';

// Plays a video and tells which predicted frame is on the screen.
(() => {
  const TOLERANCE = 1e-3;  // Seconds; time stamps are rounded.

  // Returns the index of the last time that is not after `time`; 0 before all.
  dave.indexAt = (times, time) => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time + TOLERANCE) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  };

  dave.clock = (seconds) => {
    const sign = seconds < 0 ? '-' : '';
    const hundredths = Math.round(Math.abs(seconds) * 100);
    const rest = String(hundredths % 6000).padStart(4, '0');
    return `${sign}${Math.floor(hundredths / 6000)}:` +
      `${rest.slice(0, 2)}.${rest.slice(2)}`;
  };

  dave.Player = class {
    // video: The element; without a video that plays, time still moves by
    //   seeking.
    // times: Seconds of the predicted frames.
    // offset: Second of the clip at which the video's own time is 0.
    // rate: Frames per second.
    // show: Called with (index of the frame, time) whenever either changes.
    constructor(video, {times, offset, rate, show}) {
      Object.assign(this, {video, times, offset, show});
      this.frame = 1 / rate;
      this.index = 0;
      this.time = times[0];
      this.follow();
    }

    get works() {
      return this.video.readyState > 0 && !this.video.error;
    }

    follow() {
      const {video} = this;
      if ('requestVideoFrameCallback' in video) {
        const next = (_, {mediaTime}) => {
          if (this.stopped) return;
          this.at(mediaTime + this.offset);
          video.requestVideoFrameCallback(next);
        };
        video.requestVideoFrameCallback(next);
        return;
      }
      const update = () =>
        this.stopped || this.at(video.currentTime + this.offset);
      const next = () => {
        update();
        if (!video.paused && !this.stopped) requestAnimationFrame(next);
      };
      video.addEventListener('play', next);
      video.addEventListener('seeked', update);
      video.addEventListener('loadeddata', update);
    }

    // Ends following the video, which another player may take over.
    stop() {
      this.stopped = true;
    }

    at(time) {
      this.time = time;
      this.index = dave.indexAt(this.times, time);
      this.show(this.index, time);
    }

    toggle() {
      if (!this.works) return;
      if (this.video.paused) this.video.play();
      else this.video.pause();
    }

    // Shows a predicted frame; its middle is sought, since time stamps in
    // browsers are rounded.
    seekFrame(index) {
      const {times} = this;
      index = Math.max(0, Math.min(times.length - 1, index));
      const gap = (times[index + 1] ?? Infinity) - times[index];
      if (this.works) {
        this.video.currentTime =
          times[index] + Math.min(gap, this.frame) / 2 - this.offset;
      }
      this.at(times[index]);
    }

    seek(time) {
      this.seekFrame(dave.indexAt(this.times, time));
    }

    step(frames) {
      this.video.pause();
      this.seekFrame(this.index + frames);
    }

    // Handles a key of the page; returns whether it is one of the player's.
    key(name) {
      const actions = {
        ' ': () => this.toggle(),
        ',': () => this.step(-1),
        '.': () => this.step(1),
        ArrowLeft: () => this.seek(this.time - 1),
        ArrowRight: () => this.seek(this.time + 1),
        Home: () => this.seekFrame(0),
        End: () => this.seekFrame(this.times.length - 1),
      };
      actions[name]?.();
      return name in actions;
    }
  };

  // Has keys of the page call `handle`, except where they type text.
  dave.onkeys = (handle) => document.addEventListener('keydown', (event) => {
    const typed = event.target.closest('input:not([type=checkbox]), select');
    const pressed = event.key === ' ' && event.target.closest('button, a');
    if (typed || pressed || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (handle(event.key)) event.preventDefault();
  });
})();

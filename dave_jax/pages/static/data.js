'use strict';

// Data in files beside the page. A page that is opened from disk may not
// fetch() them, but script elements may load them: each file NAME.js is a call
// of dave.give('NAME', value).
const dave = {};

(() => {
  const KEPT_PIECES = 48;
  const waiting = new Map();

  dave.give = (name, value) => waiting.get(name)?.(value);

  // Returns a promise of the value in NAME.js, a path relative to the page.
  dave.load = (name) => new Promise((resolve, reject) => {
    const script = document.createElement('script');
    const settle = (call) => (value) => {
      waiting.delete(name);
      script.remove();
      call(value);
    };
    waiting.set(name, settle(resolve));
    script.onerror = () => settle(reject)(new Error(
      `${name}.js cannot be read; keep it in its folder beside the page`));
    script.src = `${name}.js`;
    document.head.append(script);
  });

  const bytes = (base64) =>
    Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  dave.floats = (base64) => new Float32Array(bytes(base64).buffer);
  dave.doubles = (base64) => new Float64Array(bytes(base64).buffer);

  const inflate = async (base64) => {
    const stream = new Blob([bytes(base64)]).stream().pipeThrough(
      new DecompressionStream('deflate'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  // Reads JSON that the page holds in an element of type application/json.
  dave.json = (id) => JSON.parse(document.getElementById(id).textContent);

  // Maps of a clip, 8 bit, loaded in pieces of a fixed number of frames.
  dave.Maps = class {
    // name: Path of the pieces, without their number.
    // height, width, count: Size of a map, and number of maps.
    // piece: Maps in a piece.
    constructor({name, height, width, count, piece}) {
      Object.assign(this, {name, height, width, count, piece});
      this.pieces = new Map();
      this.loaded = new Map();
    }

    // Returns the map of a frame, or null while its piece is being loaded;
    // then `dave.onmaps` is called.
    get(index) {
      const number = Math.floor(index / this.piece);
      const ahead = number + 1;
      if (ahead * this.piece < this.count) this.load(ahead);
      const maps = this.loaded.get(number);
      if (!maps) {
        this.load(number).then(() => dave.onmaps?.(), () => {});
        return null;
      }
      const size = this.height * this.width;
      const first = (index - number * this.piece) * size;
      return maps.subarray(first, first + size);
    }

    // Returns a promise that a piece is loaded.
    load(number) {
      if (!this.pieces.has(number)) {
        this.pieces.set(number, this.read(number));
        const [oldest] = this.pieces.keys();
        if (this.pieces.size > KEPT_PIECES) {
          this.pieces.delete(oldest);
          this.loaded.delete(oldest);
        }
      }
      return this.pieces.get(number);
    }

    async read(number) {
      const name = `${this.name}_${String(number).padStart(4, '0')}`;
      const maps = await inflate(await dave.load(name));
      // Stored are differences from the frame before, modulo 256.
      const size = this.height * this.width;
      for (let k = size; k < maps.length; k++) maps[k] += maps[k - size];
      this.loaded.set(number, maps);
    }
  };
})();

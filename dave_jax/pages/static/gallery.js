'use strict';

// Shows the cards whose name holds the text that is typed.
(() => {
  const cards = [...document.querySelectorAll('.card')];
  const search = document.getElementById('search');
  search.addEventListener('input', () => {
    const text = search.value.trim().toLowerCase();
    for (const card of cards) {
      card.hidden = !card.dataset.name.includes(text);
    }
    document.getElementById('count').textContent =
      cards.filter(({hidden}) => !hidden).length;
  });
  document.documentElement.dataset.ready = 'yes';
})();

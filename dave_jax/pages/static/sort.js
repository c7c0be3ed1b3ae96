'use strict';

// Sorts a table by the column whose heading is clicked: ascending, descending,
// then as it was. Empty cells come last.
(() => {
  const compare = (column, sign) => (one, other) => {
    const [a, b] = [one, other].map(({cells}) => cells[column]);
    const [x, y] = [a, b].map(({dataset, textContent}) =>
      'number' in dataset ? Number(dataset.number)
        : textContent === '-' ? null : textContent);
    if (x === null || y === null) return (x === null) - (y === null);
    if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
    return sign * String(x).localeCompare(String(y), undefined, {numeric: true});
  };

  for (const table of document.querySelectorAll('.sortable')) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.addEventListener('click', () => {
        const next = {ascending: 'descending', descending: null};
        const now = heading.getAttribute('aria-sort');
        const order = now in next ? next[now] : 'ascending';
        for (const other of headings) other.removeAttribute('aria-sort');
        if (!order) return body.append(...original);
        heading.setAttribute('aria-sort', order);
        const sign = order === 'ascending' ? 1 : -1;
        body.append(...original.toSorted(compare(column, sign)));
      });
    });
  }
})();

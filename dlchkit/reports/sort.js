// Sorts a table by the column whose button is pressed; rows without a number stay last.
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    const column = Number(head.dataset.column), names = column === 0;
    const now = head.getAttribute("aria-sort"), first = names ? "ascending" : head.dataset.first;
    const other = { ascending: "descending", descending: "ascending" };
    const order = now === "none" ? first : other[now];
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => (names ? row.cells[0].textContent.trim() : parseFloat(row.cells[column].dataset.value));
    const rows = [...body.rows];
    rows.sort((a, b) => {
      const x = key(a), y = key(b);
      if (names) return sign * x.localeCompare(y);
      return Number.isNaN(x) - Number.isNaN(y) || (Number.isNaN(x) ? 0 : sign * (x - y));
    });
    body.append(...rows);
    for (const th of table.querySelectorAll("th[aria-sort]")) th.setAttribute("aria-sort", th === head ? order : "none");
    const said = table.closest(".scroll").nextElementSibling;
    said.textContent = `Sorted by ${button.getAttribute("aria-label") || button.textContent.trim()}, ${order}.`;
  });
}
// On paper nothing stays folded.
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });

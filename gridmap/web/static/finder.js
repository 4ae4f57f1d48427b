/* A search box with what it finds below it (a combobox of WAI-ARIA). A page says which elements, the
   words (``t`` fills in what stands in braces), how it reads, and what becomes of what is picked. */
"use strict";

const gridmapFinder = ({ input, list, told, language, t, read, by, failed, picked }) => {
  const WAIT_MS = 150;
  let asked = 0;
  let timer = null;
  let options = [];
  let active = -1;

  function node(tag, text, attributes = {}) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== null) made.textContent = text;
    return made;
  }

  const title = (row) => row.name || row.address || row.code;

  function close() {
    list.hidden = true;
    options = [];
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  async function search() {
    const text = input.value.trim();
    const mine = ++asked;
    if (!text) { close(); told.textContent = ""; return; }
    try {
      const answer = await read(`/api/v1/search?limit=6&lang=${language}&q=${encodeURIComponent(text)}`);
      if (mine === asked) show(text, answer);
    } catch (error) {
      if (mine === asked) told.textContent = failed(error);
    }
  }

  function show(text, answer) {
    close();
    const rows = [];
    for (const group of answer.groups) {
      rows.push(node("li", group.label + (group.more ? ` · ${t("more")} …` : ""), { class: "group", role: "presentation" }));
      for (const row of group.rows) {
        const item = node("li", null, { role: "option", id: `${list.id}-${options.length}`, "aria-selected": "false" });
        const where = row.where.filter((one) => one.level !== "district").map((one) => one.name).join(" › ");
        const other = ["name", "code"].includes(row.found.field) ? "" : by(row);
        item.append(node("span", title(row)), node("small", [other, where].filter(Boolean).join(" · ")));
        item.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
        item.addEventListener("click", () => pick(row));
        options.push([item, row]);
        rows.push(item);
      }
    }
    list.replaceChildren(...rows);
    list.hidden = !options.length;
    input.setAttribute("aria-expanded", String(options.length > 0));
    const kinds = answer.searched.map((one) => one.label).join(", ");
    told.textContent = options.length ? t("{count} found", { count: options.length })
      : `${t("Nothing found for “{text}”.", { text })} ${t("Searched: {kinds}.", { kinds })}`;
  }

  function mark(next) {
    if (!options.length) return;
    if (active >= 0) options[active][0].setAttribute("aria-selected", "false");
    active = (next + options.length) % options.length;
    options[active][0].setAttribute("aria-selected", "true");
    options[active][0].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[active][0].id);
  }

  function pick(row) {
    close();
    told.textContent = "";
    input.value = title(row);
    picked(row);
  }

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter and the arrows are the input method's then
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { mark(active + (event.key === "ArrowDown" ? 1 : -1)); event.preventDefault(); }
    else if (event.key === "Escape") { close(); event.stopPropagation(); }
    else if (event.key === "Enter") {
      go();
      event.preventDefault();
    }
  });

  /* The one that is marked, else the first; where nothing is shown it is looked for. */
  function go() {
    if (options.length) pick(options[Math.max(active, 0)][1]);
    else search();
  }

  return go;
};

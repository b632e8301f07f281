"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const storeName = "rating-" + data.digest;
  let chosen = {};
  let place = 0;

  const store = {
    read() {
      try { return JSON.parse(localStorage.getItem(storeName)) || {}; } catch { return {}; }
    },
    write() {
      try {
        localStorage.setItem(storeName, JSON.stringify({ rater: byId("rater").value, chosen, place }));
      } catch { /* a browser may forbid it to files; the CSV file is what counts */ }
    },
  };

  const make = (name, attributes = {}, text = null) => {
    const element = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    if (text !== null) element.textContent = text;
    return element;
  };
  const aspectsOf = (item) => data.aspects.filter((aspect) => aspect.kind === item.kind);
  const isRated = (item) => aspectsOf(item).every((aspect) => (chosen[item.id] || {})[aspect.name]);

  const field = (item, aspect) => {
    const shape = aspect.meanings.length ? "long" : aspect.choices.length > 6 ? "many" : "short";
    const set = make("fieldset", { class: shape });
    set.append(make("legend", {}, aspect.question));
    aspect.choices.forEach((choice, number) => {
      const label = make("label");
      const button = make("input", { type: "radio", name: aspect.name, value: choice });
      button.checked = (chosen[item.id] || {})[aspect.name] === choice;
      button.addEventListener("change", () => {
        chosen[item.id] = { ...chosen[item.id], [aspect.name]: choice };
        store.write();
        progress();
      });
      const meaning = aspect.meanings[number];
      label.append(button, " " + choice + (meaning ? ": " + meaning : ""));
      set.append(label);
    });
    return set;
  };

  const progress = () => {
    const rated = data.items.filter(isRated).length;
    byId("progress").textContent = `${place + 1} of ${data.items.length}; ${rated} rated`;
    byId("previous").disabled = place === 0;
    byId("next").disabled = place === data.items.length - 1;
    byId("open").disabled = rated === data.items.length;
  };

  const show = () => {
    const item = data.items[place];
    const left = make("div");
    const right = make("div");
    left.append(item.picture ? make("img", { src: item.picture, alt: "The picture of the task" })
      : make("p", {}, "The picture cannot be shown."));
    item.texts.forEach(([heading, text]) => {
      right.append(make("h2", {}, heading), make("p", { class: "text", dir: "auto" }, text));
    });
    aspectsOf(item).forEach((aspect) => right.append(field(item, aspect)));
    byId("item").replaceChildren(left, right);
    progress();
  };

  const go = (to) => {
    place = Math.max(0, Math.min(data.items.length - 1, to));
    store.write();
    show();
    byId("item").focus();
  };

  const cell = (text) => {
    const safe = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",\n\r;]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };

  const csv = () => {
    const names = data.aspects.map((aspect) => aspect.name);
    const rater = byId("rater").value.trim();
    const rows = data.items.filter((item) => chosen[item.id]).map((item) =>
      [data.digest, item.id, rater, ...names.map((name) => chosen[item.id][name] || "")]);
    return [["page", "item", "rater", ...names], ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  };

  byId("previous").addEventListener("click", () => go(place - 1));
  byId("next").addEventListener("click", () => go(place + 1));
  byId("open").addEventListener("click", () => {
    const order = data.items.map((_, number) => (place + 1 + number) % data.items.length);
    go(order.find((number) => !isRated(data.items[number])) ?? place);
  });
  byId("rater").addEventListener("input", store.write);
  byId("export").addEventListener("click", () => {
    if (!byId("rater").value.trim()) {
      byId("rater").focus();
      byId("progress").textContent = "Please enter your name first.";
      return;
    }
    const link = make("a", { download: `ratings-${data.digest}.csv` });
    link.href = URL.createObjectURL(new Blob(["\ufeff" + csv()], { type: "text/csv" }));
    link.click();
    URL.revokeObjectURL(link.href);
  });

  const kept = store.read();
  byId("rater").value = kept.rater || "";
  chosen = kept.chosen || {};
  place = Math.min(kept.place || 0, data.items.length - 1);
  show();
})();

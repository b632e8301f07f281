/* Sorting, filters, columns, links that remember them, theme. Every page is whole without this script. */
(function () {
  "use strict";
  var doc = document, root = doc.documentElement;

  function make(tag, props, children) {
    var node = doc.createElement(tag);
    Object.keys(props || {}).forEach(function (name) {
      if (name in node) { node[name] = props[name]; } else { node.setAttribute(name, props[name]); }
    });
    (children || []).forEach(function (child) { node.append(child); });
    return node;
  }
  function stored(name, value) {
    try {
      if (value === undefined) { return localStorage.getItem(name); }
      localStorage.setItem(name, value);
    } catch (error) { /* private windows have no storage */ }
    return null;
  }

  /* The state of the page lives in its address: ?recognition.sort=score-desc&recognition.q=lisa&theme... */
  var params = new URLSearchParams(location.search);
  function remember(key, value) {
    if (value) { params.set(key, value); } else { params.delete(key); }
    var query = params.toString();
    try { history.replaceState(null, "", location.pathname + (query ? "?" + query : "") + location.hash); } catch (error) { /* no address to change */ }
  }

  /* Theme, before anything is drawn. */
  var themes = ["auto", "light", "dark"], theme = stored("foodbench-theme");
  function setTheme(name) {
    theme = themes.indexOf(name) < 0 ? "auto" : name;
    if (theme === "auto") { root.removeAttribute("data-theme"); } else { root.setAttribute("data-theme", theme); }
  }
  setTheme(theme);

  function themeButton() {
    var button = doc.getElementById("theme");
    function label() { button.textContent = "Theme: " + theme; }
    button.hidden = false;
    label();
    button.addEventListener("click", function () {
      setTheme(themes[(themes.indexOf(theme) + 1) % themes.length]);
      stored("foodbench-theme", theme);
      label();
    });
  }

  /* Tables. */
  function keyOf(cell, numeric) {
    var text = cell ? cell.getAttribute("data-v") : "";
    if (text === null) { text = cell.textContent.trim(); }
    if (!numeric) { return text.toLowerCase(); }
    var number = parseFloat(text.replace(/,/g, ""));
    return isNaN(number) ? null : number;
  }
  var CHUNK = 300;
  function sortRows(all, column, numeric, descending) {
    var rows = all.map(function (row) {
      return { row: row, key: keyOf(row.cells[column], numeric), last: row.getAttribute("data-kind") === "ceiling" };
    });
    var collator = new Intl.Collator(undefined, { numeric: true });
    rows.sort(function (a, b) {
      if (a.last !== b.last) { return a.last ? 1 : -1; }
      if (numeric) {
        if (a.key === null || b.key === null) { return (a.key === null) - (b.key === null); }
        return descending ? b.key - a.key : a.key - b.key;
      }
      return descending ? collator.compare(b.key, a.key) : collator.compare(a.key, b.key);
    });
    return rows.map(function (each) { return each.row; });
  }
  /* The first rows at once, the rest of a long table in the frames after: laying out 60,000 cells takes a second. */
  function place(body, rows) {
    var turn = (body.turn || 0) + 1;
    body.turn = turn;
    body.replaceChildren.apply(body, rows.slice(0, CHUNK));
    (function next(from) {
      if (from >= rows.length) { return; }
      requestAnimationFrame(function () {
        if (body.turn !== turn) { return; }  /* sorted again meanwhile */
        body.append.apply(body, rows.slice(from, from + CHUNK));
        next(from + CHUNK);
      });
    }(CHUNK));
  }

  function setUpTable(table) {
    var id = table.getAttribute("data-table"), body = table.tBodies[0];
    var heads = Array.prototype.slice.call(table.querySelectorAll("thead tr.cols th"));
    var original = Array.prototype.slice.call(body.rows), current = { name: "", descending: false };
    var select = make("select", {}, [make("option", { value: "", textContent: "rank" })]);
    function titleOf(head) { return head.getAttribute("data-col"); }

    function sort(name, descending) {
      var index = heads.findIndex(function (head) { return titleOf(head) === name; });
      heads.forEach(function (head) { head.removeAttribute("aria-sort"); head.querySelector(".dir").textContent = "↕"; });
      if (index < 0) {
        place(body, original);
      } else {
        place(body, sortRows(original, index, heads[index].getAttribute("data-type") === "num", descending));
        heads[index].setAttribute("aria-sort", descending ? "descending" : "ascending");
        heads[index].querySelector(".dir").textContent = descending ? "↓" : "↑";
      }
      current = { name: index < 0 ? "" : name, descending: descending };
      select.value = current.name;
      remember(id + ".sort", index < 0 ? "" : name + (descending ? "-desc" : "-asc"));
    }
    heads.forEach(function (head) {
      var name = titleOf(head), button = make("button", { type: "button", className: "sort" });
      button.append(make("span", { className: "dir", ariaHidden: "true", textContent: "↕" }));
      var link = head.querySelector("a");
      if (link) {
        button.setAttribute("aria-label", "Sort by " + name);
        link.after(button);
      } else {  /* the whole title is the button; what is small below it is not */
        var words = Array.prototype.filter.call(head.childNodes, function (node) { return node.nodeName !== "SMALL"; });
        button.prepend.apply(button, words);
        button.title = "Sort";
        head.prepend(button);
      }
      button.addEventListener("click", function () {
        var first = head.hasAttribute("data-desc");
        sort(name, current.name === name ? !current.descending : first);
      });
      select.append(make("option", { value: name, textContent: name }));
    });
    select.addEventListener("change", function () {
      var head = heads.find(function (each) { return titleOf(each) === select.value; });
      sort(select.value, Boolean(head && head.hasAttribute("data-desc")));
    });

    /* Filter: every word must be in the row. */
    var search = make("input", { type: "search", placeholder: "Filter rows" });
    search.setAttribute("aria-label", "Filter rows of this table");
    var count = make("span", { className: "count" });
    count.setAttribute("role", "status");
    function filter(text) {
      var words = text.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      original.forEach(function (row) {
        var content = words.length ? row.textContent.toLowerCase() : "";
        row.hidden = !words.every(function (word) { return content.indexOf(word) >= 0; });
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = words.length ? shown + " of " + original.length : "";
      remember(id + ".q", text.trim());
    }
    search.addEventListener("input", function () { filter(search.value); });

    /* Columns. */
    var hidden = (params.get(id + ".hide") || "").split(",").filter(Boolean), boxes = make("div", {});
    function showColumns() {
      heads.forEach(function (head, index) {
        var away = hidden.indexOf(titleOf(head)) >= 0;
        head.hidden = away;
        original.forEach(function (row) { if (row.cells[index]) { row.cells[index].hidden = away; } });
      });
      var groups = table.querySelector("thead tr.groups");
      if (groups) { groups.hidden = hidden.length > 0; }
      remember(id + ".hide", hidden.join(","));
    }
    heads.slice(2).forEach(function (head) {
      var name = titleOf(head), box = make("input", { type: "checkbox", checked: hidden.indexOf(name) < 0 });
      box.addEventListener("change", function () {
        hidden = hidden.filter(function (each) { return each !== name; });
        if (!box.checked) { hidden.push(name); }
        showColumns();
      });
      boxes.append(make("label", {}, [box, name]));
    });
    var columns = make("details", {}, [make("summary", { textContent: "Columns" }), boxes]);
    columns.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { columns.open = false; columns.firstChild.focus(); }
    });
    var tools = make("div", { className: "tools" }, [
      search, make("label", { className: "sorts" }, ["Sort by", select]), columns, count]);
    (table.closest(".scroll") || table).before(tools);

    var wanted = /^(.+)-(asc|desc)$/.exec(params.get(id + ".sort") || "");
    if (wanted) { sort(wanted[1], wanted[2] === "desc"); }
    if (params.get(id + ".q")) { search.value = params.get(id + ".q"); filter(search.value); }
    if (hidden.length) { showColumns(); }
  }

  /* Sample browser: by what became of the answer, and by text. */
  function setUpSamples(tools) {
    var cards = Array.prototype.slice.call(doc.querySelectorAll(".sample")), level = params.get("level") || "";
    var search = make("input", { type: "search", placeholder: "Filter this page" });
    search.setAttribute("aria-label", "Filter the samples of this page");
    search.value = params.get("q") || "";
    var count = make("span", { className: "count" }), buttons = [];
    count.setAttribute("role", "status");
    function apply() {
      var words = search.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      cards.forEach(function (card) {
        var content = words.length ? card.textContent.toLowerCase() : "";
        card.hidden = Boolean(level && card.getAttribute("data-level") !== level) ||
          !words.every(function (word) { return content.indexOf(word) >= 0; });
        shown += card.hidden ? 0 : 1;
      });
      count.textContent = shown + " of " + cards.length + " on this page";
      buttons.forEach(function (button) { button.setAttribute("aria-pressed", String(button.value === level)); });
      remember("level", level);
      remember("q", search.value.trim());
      Array.prototype.forEach.call(doc.querySelectorAll(".pager a"), function (link) {
        link.search = params.toString();  /* the next page is filtered alike */
      });
    }
    [["", "all"], ["right", "right"], ["part", "partly"], ["wrong", "wrong"], ["unread", "not read"]].forEach(function (each) {
      var button = make("button", { type: "button", value: each[0], textContent: each[1] });
      button.addEventListener("click", function () { level = each[0]; apply(); });
      buttons.push(button);
      tools.append(button);
    });
    search.addEventListener("input", apply);
    tools.append(search, count);
    tools.hidden = false;
    apply();
  }

  /* Choosing two systems. */
  function setUpPicker(tools) {
    var links = Array.prototype.slice.call(
      doc.querySelectorAll('[data-pairs="' + tools.getAttribute("data-pick") + '"] a'));
    var names = {};
    links.forEach(function (link) {
      var titles = link.querySelectorAll("bdi");
      names[link.getAttribute("data-a")] = titles[0].textContent;
      names[link.getAttribute("data-b")] = titles[1].textContent;
    });
    var selects = ["First system", "Second system"].map(function (title) {
      var select = make("select", {});
      select.setAttribute("aria-label", title);
      Object.keys(names).forEach(function (name) { select.append(make("option", { value: name, textContent: names[name] })); });
      return select;
    });
    if (selects[1].options.length > 1) { selects[1].selectedIndex = 1; }
    var go = make("button", { type: "button", textContent: "Compare" }), said = make("span", { className: "count" });
    said.setAttribute("role", "status");
    go.addEventListener("click", function () {
      var pair = [selects[0].value, selects[1].value];
      var link = links.find(function (each) {
        var both = [each.getAttribute("data-a"), each.getAttribute("data-b")];
        return pair[0] !== pair[1] && both.indexOf(pair[0]) >= 0 && both.indexOf(pair[1]) >= 0;
      });
      if (link) { location.href = link.href; } else { said.textContent = "They have no task in common."; }
    });
    tools.append(selects[0], "and", selects[1], go, said);
    tools.hidden = false;
  }

  function openTarget() {
    var target = location.hash && doc.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var node = target; node; node = node.parentElement) { if (node.tagName === "DETAILS") { node.open = true; } }
    if (target) { target.scrollIntoView(); }
  }
  doc.addEventListener("DOMContentLoaded", function () {
    themeButton();
    doc.querySelectorAll("table[data-table]").forEach(setUpTable);
    doc.querySelectorAll("[data-samples]").forEach(setUpSamples);
    doc.querySelectorAll("[data-pick]").forEach(setUpPicker);
    openTarget();
    window.addEventListener("hashchange", openTarget);
  });
}());

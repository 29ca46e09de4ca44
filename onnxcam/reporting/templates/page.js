"use strict";
const find = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll(".card")];
const controls = find("controls");

function choose() {
  const wanted = find("class").value, mistake = find("mistake").value, name = find("name").value.trim().toLowerCase();
  let shown = 0;
  for (const card of cards) {
    const { dataset } = card;
    card.hidden = Boolean(
      (wanted && dataset.class !== wanted) ||
        (mistake && (dataset.true === "-1" || dataset.mistake !== mistake)) ||
        (name && !card.querySelector("h3").textContent.toLowerCase().includes(name)),
    );
    shown += Number(!card.hidden);
  }
  find("count").textContent = `${shown} of ${cards.length} shown`;
}

function sort() {
  const value = find("sort").value, falls = value.endsWith("-"), key = value.replace("-", "");
  const sign = falls ? -1 : 1;
  const sorted = [...cards].sort((a, b) => sign * (a.dataset[key] - b.dataset[key]) || a.dataset.number - b.dataset.number);
  find("cards").append(...sorted);
}

function strength(element, value) {
  element.style.setProperty("--strength", value);
}

controls.hidden = false;
find("unscripted").hidden = true;
controls.addEventListener("submit", (event) => event.preventDefault());
for (const id of ["class", "mistake"]) find(id).addEventListener("change", choose);
find("name").addEventListener("input", choose);
find("sort").addEventListener("change", sort);
find("strength").addEventListener("input", ({ target }) => {
  for (const slider of document.querySelectorAll(".slider input")) {
    slider.value = target.value;
    strength(slider.closest(".card"), target.value);
  }
  strength(document.documentElement, target.value);
});
find("cards").addEventListener("input", ({ target }) => {
  const card = target.closest(".card");
  if (target.type === "range") strength(card, target.value);
  if (target.type === "radio")
    card.querySelectorAll(".map").forEach((map, place) => (map.hidden = String(place) !== target.value));
});
for (const button of document.querySelectorAll(".only")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    find("class").value = button.dataset.class;
    choose();
    find("pictures").scrollIntoView();
    find("class").focus();
  });
}
choose();

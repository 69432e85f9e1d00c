// Texts and addresses the server wrote into the page, so that no script holds a word of any language.

export const texts = JSON.parse(document.getElementById("texts")?.textContent ?? "{}");

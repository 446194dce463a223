// Words of the page, in the first of the visitor's languages that there is; static/words has a file for each.

const LANGUAGES = ["en", "de", "fr", "es", "zh", "ja"];
const languageOf = (/** @type {string} */ tag) => tag.split("-")[0].toLowerCase();

/** Language and region of words and numbers, such as "de-CH". */
export const locale = navigator.languages.find((each) => LANGUAGES.includes(languageOf(each))) ?? "en";
const language = languageOf(locale);
const plurals = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale);

/** @type {{[key: string]: Words}} All modules that use words wait for them. */
const texts = await fetch(`/static/words/${language}.json`).then((answer) => answer.json());

/** Whether there is a text under a key. */
export const has = (/** @type {string} */ key) => key in texts;

/**
 * Return the text under a key.
 * @param {string} key
 * @param {{[name: string]: any, n?: number}} [values] What stands in its {braces}; `n` selects the plural form.
 */
export function words(key, values = {}) {
  const forms = texts[key] ?? key;
  const text = typeof forms === "string" ? forms : (forms[plurals.select(values.n ?? 0)] ?? forms.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : value;
  });
}

// Fill the elements of index.html: `data-words` is their text's key, `data-words-title` that of their `title`.
for (const element of document.querySelectorAll("*")) {
  for (const { name, value } of [...element.attributes]) {
    if (name === "data-words") element.textContent = words(value);
    else if (name.startsWith("data-words-")) element.setAttribute(name.slice("data-words-".length), words(value));
  }
}
document.documentElement.lang = language;
document.documentElement.classList.add("in-words"); // shows the page

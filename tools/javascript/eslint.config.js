// Rules for the page's scripts. They run in browsers, which have none of Node's names.

import js from "@eslint/js";
import globals from "globals";

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    rules: {
      complexity: ["error", 20], // twelve as in Python, and some for each ?. and ??, which count too
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-lines": ["error", 250],
      "no-shadow": "error",
      "no-unused-private-class-members": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  { files: ["encode.js"], languageOptions: { globals: globals.worker } },
];

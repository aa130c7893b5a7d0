/** What is no plain code in SQL, in this order: comments, strings with escapes, strings, dollar-quoted strings, quoted names, semicolons, white space. For `matchAll`. */
export const sqlToken =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"|;|\s+/g;

// Puts the chosen theme on the page before anything is drawn. The menu in the top bar stores it.
"use strict";
try {
  const theme = localStorage.getItem("minus-one:theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // A browser that remembers nothing gets the dark theme.
}

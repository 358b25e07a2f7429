// One event stream for all tabs of this browser: on HTTP/1.1 an origin has six connections, and every open tab would
// hold one. Tabs say "join", "leave" and "again" (a new page, or somebody else signed in; with a number: since when they want to
// know what happened); they hear "open", "lost", "reset" and events.
"use strict";

const ports = new Set();
let source = null;
let state = "lost";
let timer = 0;

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
  state = "lost";
}

function open(since) {
  close();
  source = new EventSource(since ? `/events?since=${since}` : "/events");
  source.onopen = () => tell((state = "open"));
  source.onmessage = (event) => tell(event.data);
  source.addEventListener("reset", () => tell("reset"));
  source.onerror = () => {
    tell((state = "lost"));
    // The browser reconnects by itself unless the answer was a refusal.
    if (source?.readyState === EventSource.CLOSED) timer = setTimeout(() => open(), 3000);
  };
}

onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data === "leave") {
      ports.delete(port);
      if (ports.size === 0) close();
      return;
    }
    ports.add(port);
    const [word, since] = data.split(" ");
    if (word === "again" || source === null) open(since);
    else port.postMessage(state);
  };
};

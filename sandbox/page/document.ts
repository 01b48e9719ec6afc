import { html } from "hono/html";

/** The page before its script fills it: the landmarks that a keyboard and a screen reader go by. */
export function renderDocument({
  nonce,
  title,
}: {
  readonly nonce: string;
  readonly title: string;
}): ReturnType<typeof html> {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          name="viewport"
          content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"
        />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Flightdeck sandbox</title>
        <link rel="icon" type="image/svg+xml" href="/client/favicon.svg" />
        <link rel="stylesheet" nonce="${nonce}" href="/client/page.css" />
        <script type="module" nonce="${nonce}" src="/client/main.js"></script>
      </head>
      <body>
        <main class="phone" aria-label="Chat">
          <p class="banner"><strong>Sandbox</strong>, not Telegram. Nothing leaves this machine.</p>
          <header class="chat-header" id="chat-header"></header>
          <div class="act-as" id="act-as"></div>
          <div class="pinned" id="pinned"></div>
          <div class="messages" id="messages" role="log" aria-label="Messages" tabindex="0"></div>
          <div class="to-newest" id="to-newest"></div>
          <div class="toasts" id="toasts" role="status" aria-live="polite"></div>
          <form class="composer" id="composer" autocomplete="off"></form>
        </main>
        <aside class="pane" id="pane" aria-label="Behind the chat"></aside>
        <dialog class="alert" id="alert"></dialog>
        <noscript>This page needs JavaScript.</noscript>
      </body>
    </html>`;
}

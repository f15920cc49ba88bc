/** What is around every page: head, languages, help and what the page loads. */
import type { ReactNode } from "react";
import type { Words } from "./words";

export interface Files {
  style: string;
  script: string;
  /** What the script loads first, so that a browser can fetch it at once. */
  preload: string[];
}

interface Props {
  words: Words;
  languages: { language: string; name: string }[];
  files: Files | null;
  style: string;
  /** Which help is said: the same place on every page. */
  help: "form" | "ticket";
  data: Record<string, string>;
  children: ReactNode;
}

/** A whole document; its slots are filled by the server. */
export function Shell({ words, languages, files, style, help, data, children }: Props) {
  const asset = (name: string) => `⟦root⟧support/assets/${name}`;
  return (
    <html lang={words.language} dir={words.dir}>
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex, nofollow" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>⟦title⟧</title>
        <link rel="icon" href={asset("icon.svg")} type="image/svg+xml" />
        <link rel="stylesheet" href={asset(style)} />
        {files?.preload.map((name) => (
          <link key={name} rel="modulepreload" href={asset(name)} />
        ))}
        {files && <script type="module" src={asset(files.script)} />}
      </head>
      <body>
        <a className="skip" href="#main">
          {words.skip}
        </a>
        <header>
          <div className="wide">
            <a className="home" href="⟦root⟧">
              {words.service}
            </a>
            <nav className="languages" aria-label={words.languages}>
              <ul>
                {languages.map((one) => (
                  <li key={one.language}>
                    <a
                      href={`⟦here⟧?lang=${one.language}`}
                      lang={one.language}
                      hrefLang={one.language}
                      aria-current={one.language === words.language ? "true" : undefined}
                    >
                      {one.name}
                    </a>
                  </li>
                ))}
              </ul>
            </nav>
          </div>
        </header>
        <main id="main" tabIndex={-1}>
          <div
            id="app"
            {...Object.fromEntries(Object.entries(data).map(([name, value]) => [`data-${name}`, value]))}
          >
            {children}
          </div>
        </main>
        <aside className="help" aria-labelledby="help-title">
          <div className="wide">
            <h2 id="help-title">{words.help.title}</h2>
            <p>{words.help[help]}</p>
          </div>
        </aside>
      </body>
    </html>
  );
}

// node serve.mjs SHADERS -- CHROMIUM [ARGUMENTS...]: serves compile.html and the shaders to a browser that it starts,
// prints what the browser answers, and exits with 1 where a shader that a browser may get is refused, 2 where there is
// no answer. Needs nothing but Node.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

const [folder, , browser, ...given] = process.argv.slice(2);
const page = readFileSync(new URL("compile.html", import.meta.url));
let child;

function end(code) {
  server.close();
  child?.kill("SIGKILL");
  process.exit(code);
}

const server = createServer((request, response) => {
  if (request.method === "POST") {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => { response.end(); report(JSON.parse(body)); });
    return;
  }
  const name = path.basename(request.url);
  try {
    const isPage = request.url === "/";
    const content = isPage ? page : readFileSync(path.join(folder, name));
    response.setHeader("Content-Type", isPage ? "text/html" : "text/plain; charset=utf-8");
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
});

function report(answer) {
  if (answer.error) {
    console.error(`the browser cannot: ${answer.error}`);
    end(2);
  }
  const only = answer.results.filter((r) => r.requires_subgroup_8);
  const all = answer.results.filter((r) => !r.requires_subgroup_8);
  const refused = all.filter((r) => r.said.length > 0);
  for (const r of refused) console.log(`refused: ${r.kernel} (${r.variant}), ${r.file}: ${r.said.join("; ")}`);
  console.log(`for software adapters alone, which no browser gets: ${only.map((r) => r.file).join(", ")}`);
  console.log(`${all.length - refused.length} of ${all.length} variants compile as modules and pipelines in ${answer.adapter || "the browser"}`);
  end(refused.length > 0 || all.length < 80 ? 1 : 0);
}

server.listen(0, "127.0.0.1", () => {
  child = spawn(browser, [...given, `http://127.0.0.1:${server.address().port}/`], { stdio: "ignore" });
  child.on("error", (error) => { console.error(error.message); end(2); });
  setTimeout(() => { console.error("no answer within 240 s"); end(2); }, 240_000);
});

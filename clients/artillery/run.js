// Run the recipe with Artillery's own core, without its command line, which takes 470 MB of cloud libraries to install.
//   node clients/artillery/run.js <address> <viewers.csv> [environment]
// Prints the counters as JSON; exits with 1 if a viewer failed.
import { readFileSync } from "node:fs";
import core from "@artilleryio/int-core";
import yaml from "js-yaml";

const [address, file, environment] = process.argv.slice(2);
const script = yaml.load(readFileSync(new URL("live-stream.yml", import.meta.url), "utf8"));
Object.assign(script.config, { target: address }, script.config.environments[environment] ?? {});
script.config.payload = [{ ...script.config.payload, data: readFileSync(file, "utf8").trim().split("\n").map((line) => line.split(",")) }];

await core.updateGlobalObject();
const runner = await core.runner.runner(script, script.config.payload, {});
runner.on("done", ({ counters }) => {
  console.log(JSON.stringify(counters));
  process.exit(counters["vusers.failed"] === 0 ? 0 : 1);
});
runner.run();

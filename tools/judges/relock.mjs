// Rewrites the lock in a folder that was pinned anew: `make lock-judges`. Versions and integrity hashes stay in the lock; where
// packages come from, and who would like to be paid, do not.
import { readFileSync, writeFileSync } from "node:fs";

const path = `${process.argv[2]}/package-lock.json`;
const lock = JSON.parse(readFileSync(path, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.resolved;
  delete entry.funding;
  delete entry.deprecated;
}
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);

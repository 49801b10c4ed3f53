/*
 * Builds pixel/dist from pixel/src:
 *
 *   node build.mjs            writes dist/ and says how large it is
 *   node build.mjs --check    writes nothing; exit 1 where a file of dist/ is not what the source gives
 *
 * Every script is there twice: under its plain name, which changes with each version, and under a name with its
 * version, which never does. integrity.json has the SRI hash of every versioned script, also of versions before.
 */

import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {brotliCompressSync, gzipSync, constants} from 'node:zlib';
import esbuild from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const {version} = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const SCRIPTS = {
  'pixel': 'src/pixel.js',
  'pixel.whole': 'src/whole.js',
  'pixel.vitals': 'src/modules/vitals.js',
  'pixel.identity': 'src/modules/identity.js',
  'pixel.interactions': 'src/modules/interactions.js',
  'pixel.clicks': 'src/modules/clicks.js',
  'pixel.consent': 'src/modules/consent.js',
  'pixel.debug': 'src/modules/debug.js'
};

/**
 * The bytes of one bundle. ES2020 is what every browser since spring 2020 reads. `isWhole`: with the parts that the
 * core loads by itself.
 */
async function bundle(source, format, isWhole = false) {
  const {outputFiles: [file]} = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [source],
    bundle: true,
    minify: true,
    write: false,
    format,
    target: 'es2020',
    charset: 'utf8',
    legalComments: 'none',
    define: {PIXEL_VERSION: JSON.stringify(version), PIXEL_WHOLE: String(isWhole)},
    banner: {js: `/* Footfall ${version}, MIT */`},
    logLevel: 'warning'
  });
  return Buffer.from(file.contents);
}

/** Every file of dist/ by name, as a fresh build has it. */
async function build() {
  const files = {
    'footfall.mjs': await bundle('src/footfall.js', 'esm'),
    'footfall.d.mts': readFileSync(join(here, 'src/footfall.d.mts'))
  };
  const integrity = readIntegrity();
  for (const [name, source] of Object.entries(SCRIPTS)) {
    const content = await bundle(source, 'iife', name === 'pixel.whole');
    const versioned = `${name}-${version}.js`;
    files[`${name}.js`] = files[versioned] = content;
    integrity[versioned] = 'sha384-' + createHash('sha384').update(content).digest('base64');
  }
  files['integrity.json'] = Buffer.from(JSON.stringify(sorted(integrity), null, 2) + '\n');
  return files;
}

function readIntegrity() {
  const path = join(dist, 'integrity.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is wrong with dist/, one line each: files of this build, and scripts of versions before. */
function differences(files) {
  const wrong = Object.keys(files).filter((name) => {
    const path = join(dist, name);
    return !existsSync(path) || !readFileSync(path).equals(files[name]);
  }).map((name) => `dist/${name} is not what the source gives; run \`make pixel\``);
  const integrity = readIntegrity();
  for (const name of readdirSync(dist)) {
    if (name in files) continue;
    const hash = 'sha384-' + createHash('sha384').update(readFileSync(join(dist, name))).digest('base64');
    if (integrity[name] !== hash) wrong.push(`dist/${name} is not what was released under this name`);
  }
  return wrong;
}

const files = await build();
if (process.argv.includes('--check')) {
  const wrong = differences(files);
  wrong.forEach((line) => console.error(`pixel/build.mjs: ${line}`));
  process.exitCode = wrong.length ? 1 : 0;
} else {
  mkdirSync(dist, {recursive: true});
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dist, name), content);
}
for (const name of Object.keys(SCRIPTS).map((script) => `${script}.js`).concat('footfall.mjs')) {
  const content = files[name];
  const gzip = gzipSync(content, {level: 9}).length;
  const brotli = brotliCompressSync(content, {params: {[constants.BROTLI_PARAM_QUALITY]: 11}}).length;
  console.log(`pixel/dist/${name}: ${content.length} bytes, ${gzip} gzip, ${brotli} brotli`);
}

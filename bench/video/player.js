// Plays one live stream with the player named in the address, and reports what a viewer would see.
"use strict";

const params = new URLSearchParams(location.search);
const [player, url] = [params.get("player"), params.get("url")];
const video = document.getElementById("video");
const canvas = new OffscreenCanvas(640, 360);
const context = canvas.getContext("2d", { willReadFrequently: true });
const BLOCKS = 40; // 32 bits of the clock and 8 of its checksum, 16 pixels each
window.report = { errors: [], fatal: [], waiting: 0 };

// The settings that docs/going-live.md publishes.
const HLS = {
  liveSyncDuration: 1.5, liveMaxLatencyDuration: 6, maxLiveSyncPlaybackRate: 1.1, liveSyncOnStallIncrease: 0,
  manifestLoadPolicy: retry(1000), playlistLoadPolicy: retry(500), fragLoadPolicy: retry(300),
};

function retry(delay) {
  const again = { maxNumRetry: 200, retryDelayMs: delay, maxRetryDelayMs: delay };
  return { default: {
    maxTimeToFirstByteMs: 8000, maxLoadTimeMs: 20000, timeoutRetry: again,
    errorRetry: { ...again, shouldRetry: () => true },
  } };
}

function note(list, text) {
  if (list.length < 50) list.push(text);
}

async function playlistExists() {
  for (;;) {
    const answer = await fetch(url, { cache: "no-store" }).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const start = {
  async hls() {
    await playlistExists();
    const hls = new Hls(HLS);
    hls.on(Hls.Events.ERROR, (_, data) => {
      note(data.fatal ? report.fatal : report.errors, `${data.type} ${data.details}`);
      if (data.fatal && data.type === "mediaError") hls.recoverMediaError();
    });
    hls.loadSource(url);
    hls.attachMedia(video);
    window.instance = hls;
    window.level = () => hls.levels[hls.currentLevel]?.height ?? null;
  },
  async dash() {
    await playlistExists();
    const dash = dashjs.MediaPlayer().create();
    dash.updateSettings({ streaming: { delay: { liveDelay: 2 }, liveCatchup: { enabled: true } } });
    dash.on("error", (event) => note(report.fatal, JSON.stringify(event.error?.message ?? event.error)));
    dash.initialize(video, url, true);
    window.instance = dash;
  },
  async shaka() {
    await playlistExists();
    shaka.polyfill.installAll();
    const one = new shaka.Player();
    await one.attach(video);
    one.configure({
      streaming: {
        rebufferingGoal: 0.5, bufferingGoal: 6,
        // Counted from the end of what may be sought, which is defaultPresentationDelay behind the newest segment.
        liveSync: { enabled: true, targetLatency: 0.5, targetLatencyTolerance: 0.25, minPlaybackRate: 1 },
      },
      manifest: {
        // Else it is the playlist's length at the moment of joining, and on a slow machine all segments are discarded.
        defaultPresentationDelay: 1.5, availabilityWindowOverride: 60,
        retryParameters: { maxAttempts: 50 }, dash: { ignoreMinBufferTime: true },
      },
    });
    one.addEventListener("error", (event) => {
      const { severity, code, category, data } = event.detail;
      const severe = severity === shaka.util.Error.Severity.CRITICAL;
      note(severe ? report.fatal : report.errors, `shaka ${category} ${code} ${data ?? event.detail}`);
    });
    await one.load(url);
    window.instance = one;
  },
};

// The clock that the encoder draws: white blocks are ones, highest bit first.
function clock() {
  if (video.readyState < 2) return null;
  context.drawImage(video, 0, 0, 640, 360);
  const row = context.getImageData(0, 8, 640, 1).data;
  let value = 0, check = 0;
  for (let block = 0; block < BLOCKS; block++) {
    const bit = row[(block * 16 + 8) * 4] > 128 ? 1 : 0;
    if (block < 32) value = value * 2 + bit;
    else check = check * 2 + bit;
  }
  const sum = (value + (value >>> 8) + (value >>> 16) + (value >>> 24)) & 255;
  return sum === check ? value : null;
}

window.sample = () => ({
  at: Date.now(), clock: clock(), position: video.currentTime, ready: video.readyState,
  height: window.level ? window.level() : video.videoHeight,
  errors: report.errors, fatal: report.fatal,
});

video.addEventListener("canplay", () => video.play().catch(() => {}));
start[player]().catch((error) => note(report.fatal, String(error?.message ?? error)));

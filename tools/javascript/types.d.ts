// Types of what the server sends, as /api/openapi.json describes it, and of what the page adds to it.

/** Settings of the look, by name. */
interface LookValue {
  [name: string]: any;
  background: string;
  blur: string | number;
  threshold: number;
  people: string;
  place: string;
  foreground: string;
  effects: string[];
}

interface Setting {
  name: string;
  kind: string;
  group: string;
  limits: [number, number] | null;
  step: number | null;
  choices: string[];
  amounts: { [choice: string]: number };
}

interface Format {
  name: string;
  label: string;
  ending: string;
  transparent: boolean;
}

/** The answer of /api/options. */
interface Options {
  settings: Setting[];
  picture_formats: Format[];
  video_formats: Format[];
  crops: { name: string; passport: boolean }[];
}

interface Action {
  tab: string;
  name: string;
  keys: string[];
  aliases: string[];
  label: string;
  choices: string[];
  limits: [number, number] | null;
}

interface Limits {
  photo_bytes: number;
  pixels: number;
  video_bytes: number;
  video_seconds: number;
}

/** The answer of /api/start. */
interface Start {
  look: LookValue;
  backgrounds: { name: string; label: string }[];
  uploads: string[];
  limits: Limits;
  webcam: boolean;
}

interface Upload {
  id: string;
  name: string;
  width: number;
  height: number;
}

/** A line over a photo, in shares of its width and height. */
interface Stroke {
  erases: boolean;
  width: number;
  points: number[][];
}

/** A photo of the page; what the server says of it is missing while it is sent. */
interface Photo {
  id: string;
  name: string;
  width: number;
  height: number;
  /** Address of the file in this tab; missing after a reload. */
  local: string;
  /** Share that is sent. */
  part: number;
  strokes: Stroke[];
  undone: Stroke[];
  /** Strokes that the server does not have yet. */
  hints: { picture: Blob | null } | null;
  found?: boolean;
}

/** A video of the page; what the server says of it is missing while it is sent. */
interface Video {
  id: string;
  name: string;
  state: string;
  width: number;
  height: number;
  frames: number | null;
  seconds: number;
  sound: boolean;
  place: number;
  done: number;
  rate: number;
  seconds_left: number | null;
  error: string;
  warnings: string[];
  look: LookValue | null;
  format: string;
  result: boolean;
  matte: boolean;
  start: number;
  end: number;
  /** Share that is sent, of that many bytes; and what stops that. */
  part: number;
  bytes: number;
  stop: AbortController;
  /** Files that this browser cannot decode, with the address of their sound. */
  undecoded?: Map<string, string>;
  /** Ends that the visitor has chosen, seconds. */
  trim?: { start: number; end: number };
  row?: JobRow;
}

interface JobRow extends HTMLLIElement {
  video: Video;
  bar: HTMLProgressElement;
  state: HTMLSpanElement;
  name: HTMLButtonElement;
}

/** A text of the page, or its forms by number. */
type Words = string | { [form: string]: string; other: string };

interface Size {
  width?: number;
  height?: number;
}

/** Column of a person's middle, row of their lower end, factor of their size. */
interface Place {
  x: number;
  y: number;
  scale: number;
}

/** A thumbnail of a photo; what the browser cannot show is replaced by the server's copy. */
interface Thumb extends HTMLButtonElement {
  needsCopy: boolean;
  update: () => void;
}

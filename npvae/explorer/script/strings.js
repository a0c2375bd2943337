"use strict";
// ---- all text of the page: a translation is another table ---------------------------------------
// {name} is filled in. A key that ends in "Table" is used instead of the one without where the model
// was trained on a table.

const STRINGS = {
  title: "Explore {name}",
  intro:
    "A decoder turns a code z, a short list of numbers, into an image. Choose a code, and see what it becomes.",
  introTable:
    "A decoder turns a code z, a short list of numbers, into a row of the table. Choose a code, and see what it becomes.",
  noPrior:
    "This model is an autoencoder: it has no prior. Nothing in its training says where codes should be, so there are holes between them, and what the decoder makes of a code in a hole is an accident. That is why drawing codes at random rarely gives new examples.",

  // the plane
  plane: "Latent space",
  planeLabel:
    "Plane of codes. The arrow keys move the code, with Shift further. N and P point at the next and the previous test example, Enter takes its code, Home goes to the middle.",
  planeHow: "How to use and to read this plane",
  planeKeys:
    "Drag the ring, or use the arrow keys (with Shift: further). N and P point at the next and the previous test example, Enter takes its code, Home goes to the middle.",
  planePrincipal:
    "The plane shows two of {n} dimensions: the two directions in which the codes of the test examples vary most. Moving in it leaves everything else about z as it is.",
  planeLatents: "Across: z 0. Up: z 1.",
  planeLine: "Across: z 0, the only latent. Up has no meaning; it only keeps the dots apart.",
  planeDots:
    "Each dot is the code of a test example; large dots have their example in this page. Grey shade: no code is near, so nobody lives there.",
  planeDotsSlice:
    "Each dot is the code of a test example, seen from above; large dots have their example in this page. Grey shade: no code is near z if you go there in this plane, so nobody lives there.",
  planePrior: "Dashed rings: 50, 90 and 99 % of all draws from the prior lie within.",
  planePriorLine: "Dashed lines: 50, 90 and 99 % of all draws from the prior lie between.",
  percent: "{percent} %",
  legend: "Labels: choose one to make its dots stand out",
  reset: "Middle",
  fromPrior: "Draw from the prior",
  fromGaussian: "Draw at random",
  fromGaussianWhy:
    "“Draw at random” draws from a Gaussian fitted to the codes, which is the best guess without a prior.",
  walk: "Walk",
  stop: "Stop",
  label: "Label y",
  labelWhy:
    "This model is conditional: encoder and decoder are given the label, so that z only has to describe the rest.",
  epoch: "Epoch",
  epochs: "{epoch} of {last}",
  playEpochs: "Play the epochs",
  someEpochs: "The page holds {n} of {kept} kept epochs.",

  // what z stands for
  what: "What this code stands for",
  decoded: "Decoded from z",
  nearest: "Nearest: {example}",
  pointed: "Pointed at: {example}",
  example: "example {i}",
  exampleLabelled: "example {i}, label {label}",
  distance: "Distance to the nearest code",
  distanceCrowd: "as near as codes usually are to each other (half of them within {half})",
  distanceEdge: "farther than nearly all codes are from each other (95 of 100 within {most})",
  distanceEmpty: "nobody lives here: 95 of 100 codes have a neighbour within {most}",
  density: "Log density of the prior, log p(z)",
  densityHere: "{density} nats",
  densityShare: "{percent} % of draws from the prior lie closer to the middle",
  live: "Distance to the nearest code {distance}. Nearest: {example}.",
  livePrior:
    "Distance to the nearest code {distance}. {percent} percent of draws from the prior lie closer to the middle. Nearest: {example}.",
  livePointed: "Pointed at: {example}.",

  // tabs
  tabs: "What to do with the code",
  tabMove: "Move",
  tabDraw: "Draw",
  tabDrawTable: "Enter",
  tabMix: "Mix A with B",
  tabTasks: "Tasks",

  // sliders
  slidersTitle: "Latents",
  slidersByKl:
    "The latents that carry most information come first. Beside each: its KL divergence from the prior, averaged over the data.",
  slidersByVariance: "The latents that vary most over the examples come first.",
  inactive: "{n} inactive latents",
  inactiveWhy:
    "For these the encoder returns nearly the same for every example, and the decoder has learned to ignore them. Try it.",
  directionsTitle: "Directions",
  directionLabel: "More like {name}",
  directionFactor: "{name}",
  directionFactorWhy:
    "Factors are known from how the examples were drawn. 1 is the mean change of the code for one standard deviation of the factor.",
  directionsWhy:
    "A direction leads from the mean of all codes to the mean of those of one kind. At 0 the code is level with the mean of all, at 1 with the mean of that kind.",
  nats: "{nats} nats",

  // draw
  drawIntro:
    "Draw with mouse, finger or pen, or drop an image. The model encodes the drawing and decodes it again.",
  enterIntro: "Enter a row of your own. The model encodes it and decodes it again.",
  pad: "Pad to draw on. The arrow keys move the pen, the space bar lowers and lifts it.",
  padKeys: "With the keyboard: arrows move the pen, the space bar lowers and lifts it.",
  drawHere: "Draw here",
  clear: "Clear",
  colour: "Colour",
  fit: "Centre and scale it as MNIST’s digits are",
  file: "Or choose an image",
  notAnImage: "This file is not an image that the browser can read; choose a PNG or a JPEG.",
  useExample: "Or encode a test example (0 to {last})",
  nothingDrawn: "What the model makes of it will stand here.",
  seen: "What the encoder sees",
  seenTable: "Entered",
  reconstruction: "Decoded from the mean of q(z | x)",
  reconstructionOfCode: "Decoded from its code",
  reconstructionTable: "Decoded",
  natsPerPixel: "Cost of each pixel in nats (bright: expensive)",
  natsPerColumn: "Cost in nats",
  column: "Column",
  compared: "Rows side by side",
  score:
    "−ELBO = {score} nats: {reconstruction} for the example given its code (reconstruction), {kl} for the code (KL).",
  scoreWithoutKl:
    "−log p(x | z) = {reconstruction} nats. There is no KL, because there is no prior.",
  scorePercent: "{percent} % of the test examples cost less.",
  drawsTitle: "Several draws of z",
  drawsWhy:
    "The encoder returns a distribution, q(z | x): the ellipse in the plane (2 standard deviations). These are decoded from draws of it.",
  draw: "Draw {i}",
  klTitle: "What each latent costs",
  klLatent: "Latent",
  klCost: "KL in nats",
  klCode: "Mean ± standard deviation",

  // mix
  mixIntro:
    "Choose two test examples. The blend in latent space is decoded from a code between their codes; the other one averages what you see.",
  mixLatent: "Blend in latent space",
  mixPixels: "Blend of pixels",
  mixColumns: "Blend of columns",
  mixSlider: "From A to B",
  exampleNumber: "Example {name}",
  swap: "Swap A and B",
  clickChooses: "A click on a dot of the plane or on a picture chooses",
  gallery: "Test examples",
  strip: "{how}, from A on the left to B on the right",

  // tasks
  tasksIntro: "Predict first, then try, then reveal.",
  predict: "Your prediction",
  setScene: "Set the scene",
  reveal: "Reveal the answer",
  lesson: "The lesson about it:",
  lesson06: "06 · Autoencoders and PCA",
  lesson08: "08 · Holes in the latent space",
  lesson14: "14 · The latent space of a VAE",
  lesson15: "15 · Attribute vectors and interpolation",
  lesson16: "16 · Rate, distortion and posterior collapse",
  lesson17: "17 · Why VAE images are blurred",
  lesson18: "18 · Evaluating a VAE: log p(x)",

  taskEmptyTitle: "Where nobody lives",
  taskEmptyQuestion:
    "Find a place in the plane that is far from every code. What does the decoder make of it?",
  taskEmptyChoice1: "Noise, or nothing at all",
  taskEmptyChoice2: "An image like any other, or a mixture, without a warning",
  taskEmptyChoice3: "A copy of the nearest test example",
  taskEmptyChoice2Table: "A row like any other, without a warning",
  taskEmptyAnswer:
    "An image, without a warning. The decoder is a smooth function: between codes it blends, and far outside it exaggerates what it saw at the edge. It cannot say “I do not know”. Only the distance to the nearest code and the prior tell you that you left the data.",
  taskEmptyAnswerTable:
    "A row, without a warning. The decoder is a smooth function: between codes it blends, and far outside it goes on as it did at the edge. It cannot say “I do not know”. Only the distance to the nearest code and the prior tell you that you left the data.",

  taskStrangeTitle: "Something it has never seen",
  taskStrangeQuestion:
    "Draw something that is not in the data, such as a star or a scribble. What comes back?",
  taskStrangeQuestionTable:
    "Enter a row that is unlike the data, with one column at the end of its slider. What comes back?",
  taskStrangeChoice1: "The drawing, a little blurred",
  taskStrangeChoice1Table: "The row as entered",
  taskStrangeChoice2: "Something that looks like the data, and a high cost in nats",
  taskStrangeChoice3: "An empty image, and a low cost in nats",
  taskStrangeChoice3Table: "The mean of all rows, and a low cost in nats",
  taskStrangeAnswer:
    "The decoder can only draw what it has learned to draw. The strokes that it misses are the bright pixels of the cost, and nearly all test examples cost less. This is how a model can find examples that do not belong. It is not a proof: simple images, such as an empty one, can cost little although they are not in the data.",
  taskStrangeAnswerTable:
    "The decoder can only return rows like those it has learned. The column that does not fit costs many nats, and nearly all test examples cost less. This is how a model can find rows that do not belong. It is not a proof: a row near the mean of everything costs little, even if there is none like it in the data.",

  taskMixTitle: "Half of A and half of B",
  taskMixQuestion:
    "Mix two examples with different labels, half and half. Which blend could be an example itself?",
  taskMixChoice1: "The blend of pixels",
  taskMixChoice1Table: "The blend of columns",
  taskMixChoice2: "The blend in latent space",
  taskMixChoice3: "Both, since the decoder is smooth",
  taskMixAnswer:
    "The blend of pixels shows both images at once, each half as bright. The blend in latent space moves strokes: it goes through images that lie between, and at some place turns from one into the other. Not every place on the way looks real; see where the line crosses grey shade.",
  taskMixAnswerTable:
    "The blend of columns is the average of both rows, and may combine what never occurs together. The blend in latent space goes through rows that the model thinks likely. For a table the two can be close: where the decoder is nearly linear, they are equal.",

  taskLeastTitle: "The latent that says least",
  taskLeastQuestion:
    "Move the slider of the latent with the lowest KL (perhaps it is among the inactive ones) from one end to the other. What changes?",
  taskLeastChoice1: "As much as with any other latent",
  taskLeastChoice2: "Little or nothing",
  taskLeastChoice3: "The example falls apart",
  taskLeastAnswer:
    "The lower the KL, the less changes. The KL is what a latent costs, and it is an upper bound on what it can tell. A latent whose KL is near 0 tells nothing, so that the decoder has learned to ignore it: posterior collapse. Compare with the first slider. With two latents only, both work hard.",

  taskDrawsTitle: "The same example, several draws",
  taskDrawsQuestion:
    "The encoder returns a distribution of codes for one example. How different are images decoded from different draws?",
  taskDrawsQuestionTable:
    "The encoder returns a distribution of codes for one example. How different are rows decoded from different draws?",
  taskDrawsChoice1: "All equal, to the last pixel",
  taskDrawsChoice1Table: "All equal, to the last digit",
  taskDrawsChoice2: "Alike: they differ in details",
  taskDrawsChoice3: "They can be anything",
  taskDrawsAnswer:
    "Alike. All draws must explain the same example, or the reconstruction would cost too much; but telling the code more exactly would cost more KL. What differs between the draws is what the code leaves open. Averaging over it is one cause of blur.",

  taskRandomTitle: "Drawing new examples",
  taskRandomQuestion:
    "Press “Draw at random” ten times. How many of the ten would you take for real?",
  taskRandomChoice1: "Nearly all",
  taskRandomChoice2: "Some",
  taskRandomChoice3: "Hardly any",
  taskRandomAnswer:
    "Usually only some, and the more latents there are, the fewer. Nothing made the codes fill the space evenly, so that a random code easily falls into a hole. A VAE adds the prior: it makes codes lie where random draws will be.",

  taskCodeTitle: "Code without a price",
  taskCodeQuestion:
    "Look at how far the codes reach along each latent. What keeps an autoencoder from spreading them as far as it likes?",
  taskCodeChoice1: "The decoder",
  taskCodeChoice2: "The reconstruction error",
  taskCodeChoice3: "Nothing",
  taskCodeAnswer:
    "Nothing. The loss has only the reconstruction; codes far apart are even easier to tell apart. In a VAE each code costs nats, the KL divergence, which pulls all of them towards the prior.",

  // the foot of the page
  linkTitle: "Link to exactly this view",
  linkWhy:
    "The address of this page holds the whole view: copy it, and whoever has this file opens it at the same place. Add hide= to it to leave controls out, such as hide=sliders,draw. What can be hidden: {parts}.",
  points:
    "The page holds the codes of {n} of {of} test examples, chosen at random, {k} of them with their data. It needs no network, and sends nothing.",
};

/** Return a text with its placeholders filled in. */
function say(key, values = {}, kind = "") {
  const text = STRINGS[key + kind] ?? STRINGS[key];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The data of the page, the positions in its lists, and the state of the page.
"use strict";

const DATA = window.PAGE_DATA;

// Positions in an object's list, as visualize/page/contents.py writes it.
const LABEL = 0, COLOR = 1, X1 = 2, Y1 = 3, X2 = 4, Y2 = 5, SCORE = 6, OUTCOME = 7, IOU = 8, TRUE_LABEL = 9;
const TRUE_POSITIVE = 0, WRONG_LABEL = 1, FALSE_POSITIVE = 2, MISSED = 3, IN_CROWD = 4; // positions in DATA.outcomes
const LAYERS = ["truth", "found", "candidates", "labels"]; // shown or hidden by a checkbox each
const ERRORS = [WRONG_LABEL, FALSE_POSITIVE, MISSED];

/** `shown`: images that pass the filters; `page`: from 0; `zoomed`: position in `shown`, -1 for none; `unit`: what they are. */
const state = { page: 0, shown: [], zoomed: -1, hasQuestions: false, unit: "image" };

const counted = (number, thing) => `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
const outcomeName = (outcome) => DATA.outcomes[outcome][0];

/** Give a question with several pictures the objects of all, so that filters and counts need not know of pictures. */
function joinPictures() {
  for (const question of DATA.images.filter((image) => image.pictures)) {
    const join = (key) => question.pictures.flatMap((picture) => picture[key]);
    [question.truth, question.crowds] = [join("truth"), join("crowds")];
    question.answers.forEach((answer, run) => {
      const parts = question.pictures.map((picture) => picture.answers[run]);
      answer.objects = parts.flatMap((part) => part.objects);
      const described = parts.flatMap((part) => part.descriptions || []);
      if (described.length > 0) answer.descriptions = described;
    });
    for (const picture of question.pictures) picture.whole = question;
  }
}

/** Store the number of each outcome in every answer. */
function countOutcomes() {
  for (const answer of DATA.images.flatMap((image) => image.answers)) {
    answer.counts = DATA.outcomes.map(() => 0);
    for (const object of answer.objects) answer.counts[object[OUTCOME]] += 1;
  }
}

const errorsOf = (answer) => ERRORS.reduce((sum, outcome) => sum + answer.counts[outcome], 0);

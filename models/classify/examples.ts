/** A big yellow star on black. */
export const STAR =
  'data:image/png;base64,' +
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAABlBMVEUUFBT61zLJxvyWAAAAdklEQVR42s3O' +
  'wQmAMAwF0F96yEXsCF3BDVzJDXQ0R3EEjx7EL2mqolDwJOb0IP0/Bb4dNxThxyJkeiLMRcTljkCSuhSFFjhF' +
  'OqtIj3pyS2jJ9YhZo1gI8KR9yOX0K5ypC1tvkCVas8whY/QZgzPUQJdQAQ1+NzssUEhhB3OPTwAAAABJRU5E' +
  'rkJggg==';

/** A big red circle on white. */
export const CIRCLE =
  'data:image/png;base64,' +
  'iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAABlBMVEX////cKCi5uRl6AAAAbElEQVR42mNg' +
  'oAuQ/wFl/P8PoZn//z8AZvD///8BouT/f4gi+////4AZ9f///4NqgmhjBDEaILoh+uEMdhDjATKDH8T4gJUh' +
  'D2L8oAUDj6WYLsT0BdyDcC8jAgEeLPCAggcdPDDhwYsIcBoDAMk1rVPRgOvyAAAAAElFTkSuQmCC';

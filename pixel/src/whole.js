/*
 * The script tag's pixel in one file: with the parts that the core would load by itself. They run where and when
 * they would if they were loaded.
 */

import './pixel.js';
import {hooks} from './page.js';

hooks.parts = {
  interactions: () => import('./modules/interactions.js'),
  identity: () => import('./modules/identity.js')
};

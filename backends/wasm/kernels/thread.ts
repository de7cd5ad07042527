/** Which of the threads this instance belongs to, 0 the host's own: imported. Scratch memory is chosen by it. */
export declare const thread: i32;

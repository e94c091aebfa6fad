namespace Quorate.Client;

/// <summary>Changes in the order of their revisions; all changes of one revision are in one batch.</summary>
/// <param name="Revision">Everything up to this revision has been told with this batch.</param>
/// <param name="Events">None when the batch only tells of progress.</param>
public sealed record WatchBatch(long Revision, IReadOnlyList<WatchEvent> Events);

namespace Quorate.Client;

/// <summary>A change of one key.</summary>
/// <param name="IsDelete">The key was deleted; the pair then has only its key and the revision of the deletion.</param>
/// <param name="Pair">The pair after the change.</param>
/// <param name="Previous">The pair before it, if it was asked for and is known.</param>
public sealed record WatchEvent(bool IsDelete, KeyValuePair Pair, KeyValuePair? Previous);

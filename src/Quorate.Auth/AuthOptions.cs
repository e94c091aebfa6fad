namespace Quorate.Auth;

/// <summary>How callers prove who they are.</summary>
/// <param name="Token">"simple", "jwt,…" with its options, or empty (spec 03 §6.5).</param>
/// <param name="SimpleTokenTtl">How long a simple token lives without use.</param>
/// <param name="BcryptCost">4 to 31.</param>
public sealed record AuthOptions(string Token, TimeSpan SimpleTokenTtl, int BcryptCost);

namespace Quorate.Raft.Tests.Conversations;

/// <summary>
/// The scenarios of spec 08 §19 as conversations: a script of inputs and the reaction to each. To see what a changed core says
/// instead, run with QUORATE_CONVERSATIONS set to a directory, into which the transcripts are then written; and read them well.
/// </summary>
public sealed class ConversationTests
{
    public static TheoryData<string> Scripts =>
    [
        .. typeof(ConversationTests).Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".txt", StringComparison.Ordinal)).Order(),
    ];

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Goes_as_written(string name)
    {
        using Stream stream = typeof(ConversationTests).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        string script = reader.ReadToEnd().ReplaceLineEndings("\n");
        string transcript = Conversation.Run(script).ReplaceLineEndings("\n");
        if (Environment.GetEnvironmentVariable("QUORATE_CONVERSATIONS") is { } directory)
        {
            string file = name[(name.IndexOf("Conversations.", StringComparison.Ordinal) + "Conversations.".Length)..];
            File.WriteAllText(Path.Combine(directory, file), transcript);
        }

        Assert.Equal(script, transcript);
    }
}
